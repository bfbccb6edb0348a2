#include "server/lifecycle/memory_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

MemoryLedger::Options Options(int64_t limit, int64_t free) {
  return {.limit_bytes = limit, .free_bytes = [free](std::string_view) { return free; }};
}

TEST(MemoryLedgerTest, F20_NamesWhatIsNeededAndWhatIsAvailable) {
  MemoryLedger ledger(Options(0, 99));
  const absl::Status status = ledger.Reserve("cpu", {.weights = 60, .activations = 40}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "needs 100 bytes on cpu (60 for weights, 40 for a full batch); 99 are available");
  EXPECT_TRUE(ledger.Reserve("cpu", {.weights = 60, .activations = 39}).ok());
}

TEST(MemoryLedgerTest, F20_CountsTheModelsOfADeviceUnderALimit) {
  MemoryLedger ledger(Options(100, 1000));
  std::optional<MemoryLedger::Reservation> first = *ledger.Reserve("cpu", {.weights = 50, .activations = 20});
  EXPECT_THAT(std::string(ledger.Reserve("cpu", {.weights = 31, .activations = 5}).status().message()),
              AllOf(HasSubstr("needs 36"), HasSubstr("35 are available")));
  EXPECT_TRUE(ledger.Reserve("cpu", {.weights = 30, .activations = 20}).ok()) << "batches run one at a time";
  EXPECT_FALSE(ledger.Reserve("cpu", {.weights = 30, .activations = 21}).ok());
  EXPECT_TRUE(ledger.Reserve("cuda:0", {.weights = 100}).ok()) << "another device";
  first.reset();
  EXPECT_TRUE(ledger.Reserve("cpu", {.weights = 60, .activations = 40}).ok()) << "given back";
}

TEST(MemoryLedgerTest, AReservationCanMove) {
  MemoryLedger ledger(Options(100, 1000));
  MemoryLedger::Reservation held;
  {
    MemoryLedger::Reservation made = *ledger.Reserve("cpu", {.weights = 80});
    held = std::move(made);
  }
  EXPECT_FALSE(ledger.Reserve("cpu", {.weights = 80}).ok());
  held = MemoryLedger::Reservation();
  EXPECT_TRUE(ledger.Reserve("cpu", {.weights = 80}).ok());
}

}  // namespace
}  // namespace vitok
