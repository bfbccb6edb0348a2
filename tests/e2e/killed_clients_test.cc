// Client processes that are killed in the middle of their streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "core/base/str_cat.h"
#include "tests/e2e/running_server.h"
#include "tests/support/eventually.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

constexpr int kClients = 8;
constexpr int kStreams = 16;  // of each client: 128 in all

// Lines of a log that hold all these words.
size_t CountLines(const std::string& log, const std::vector<std::string>& words) {
  const std::vector<std::string> lines = absl::StrSplit(log, '\n');
  return static_cast<size_t>(std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
    return std::all_of(words.begin(), words.end(),
                       [&](const std::string& word) { return line.find(word) != std::string::npos; });
  }));
}

TEST(KilledClientsTest, F13_LeaveNothingBehind) {
  RunningServer server(OneModel("float32"), {"batching.warm_up_s=0"});
  ASSERT_TRUE(server.WaitUntilServing());
  const std::string proc = StrCat("/proc/", server.process().pid());
  const auto reconstruct = [&server] { return server.Connect()->Reconstruct(RgbImage(64, 64)).status(); };
  ASSERT_TRUE(reconstruct().ok());
  ASSERT_TRUE(Eventually([&] { return CountEntries(proc + "/fd") > 0; }));
  const size_t files = CountEntries(proc + "/fd"), threads = CountEntries(proc + "/task");
  int64_t first_bytes = 0;
  for (int round = 1; round <= 2; ++round) {
    std::vector<std::unique_ptr<Subprocess>> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<Subprocess>(std::vector<std::string>{
          VITOK_PROGRAM, "bench", "--server", server.target(), "--streams", std::to_string(kStreams), "--concurrency",
          std::to_string(4 * kStreams), "--method", "reconstruct", "--sizes", "32x32", "--pool", "4", "--warm-up", "0",
          "--duration", "600"}));
    }
    EXPECT_TRUE(Eventually([&] { return CountEntries(proc + "/fd") >= files + kClients; }));
    const size_t answered = CountLines(server.process().err(), {"method=Reconstruct", "code=OK"});
    EXPECT_TRUE(Eventually([&] {
      return CountLines(server.process().err(), {"method=Reconstruct", "code=OK"}) >= answered + 100;
    }));
    const size_t ended = CountLines(server.process().err(), {"method=vitok.v1.Tokenizer/ReconstructStream"});
    for (const auto& client : clients) client->Signal(SIGKILL);
    for (const auto& client : clients) EXPECT_EQ(client->Wait().signal, SIGKILL);
    EXPECT_TRUE(Eventually([&] { return CountEntries(proc + "/fd") <= files + 2; }));
    EXPECT_TRUE(Eventually([&] {
      return CountLines(server.process().err(), {"method=vitok.v1.Tokenizer/ReconstructStream"}) >= ended + kClients;
    }));
    EXPECT_TRUE(reconstruct().ok()) << reconstruct();
    if (round == 1) first_bytes = ResidentBytes(proc + "/status");
  }
  EXPECT_LE(CountEntries(proc + "/task"), threads + 16);
  if (kMemoryIsMeasurable) {
    EXPECT_LT(ResidentBytes(proc + "/status") - first_bytes, int64_t{64} << 20);
  }
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait().exit_code, 0) << "no stream holds it up";
}

}  // namespace
}  // namespace vitok
