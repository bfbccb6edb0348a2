#include "server/recent_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vitok {
namespace {

constexpr auto kBad = absl::StatusCode::kInvalidArgument;
constexpr auto kFull = absl::StatusCode::kResourceExhausted;

absl::Time At(int second) { return absl::UnixEpoch() + absl::Seconds(second); }

std::vector<std::string> Messages(const RecentErrors& errors) {
  std::vector<std::string> messages;
  for (const RecentError& error : errors.List()) messages.push_back(error.message);
  return messages;
}

TEST(RecentErrorsTest, ListsTheNewestFirstAndForgetsTheOldest) {
  RecentErrors errors(2);
  errors.Add(At(1), "Encode", "m:1", kBad, "", "a");
  errors.Add(At(2), "Encode", "m:1", kBad, "", "b");
  errors.Add(At(3), "Encode", "m:1", kBad, "", "c");
  EXPECT_THAT(Messages(errors), testing::ElementsAre("c", "b"));
}

TEST(RecentErrorsTest, CountsRefusalsOfOneKindInOneEntrySoThatOthersStay) {
  RecentErrors errors(2);
  errors.Add(At(1), "Encode", "m:1", kBad, "", "bad picture");
  for (int i = 2; i < 100; ++i) errors.Add(At(i), "Encode", "m:1", kFull, "QUEUE_TOKENS", "full " + std::to_string(i));
  EXPECT_THAT(Messages(errors), testing::ElementsAre("full 99", "bad picture"));
  EXPECT_EQ(errors.List()[0].count, 98);
  EXPECT_EQ(errors.List()[0].time, At(99));
}

TEST(RecentErrorsTest, KeepsErrorsOfDifferentMethodsModelsAndCodesApart) {
  RecentErrors errors;
  errors.Add(At(1), "Encode", "m:1", kBad, "", "x");
  errors.Add(At(2), "Decode", "m:1", kBad, "", "x");
  errors.Add(At(3), "Encode", "m:2", kBad, "", "x");
  errors.Add(At(4), "Encode", "m:1", kFull, "", "x");
  EXPECT_EQ(errors.List().size(), 4u);
  errors.Add(At(5), "Encode", "m:1", kBad, "", "x");
  EXPECT_EQ(errors.List().size(), 4u);
}

TEST(RecentErrorsTest, CutsLongMessages) {
  RecentErrors errors;
  errors.Add(At(1), "Encode", "", kBad, "", std::string(100000, 'x'));
  EXPECT_EQ(errors.List()[0].message.size(), 300u);
}

}  // namespace
}  // namespace vitok
