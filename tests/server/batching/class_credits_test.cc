#include "server/batching/class_credits.h"

#include <gtest/gtest.h>

namespace vitok {
namespace {

// Tokens each class gets of many batches of one task each when classes with tasks of these sizes always wait.
std::array<double, kPriorities> Shares(const std::array<int64_t, kPriorities>& task_tokens) {
  ClassCredits credits;
  std::array<bool, kPriorities> waiting{};
  for (int c = 0; c < kPriorities; ++c) waiting[c] = task_tokens[c] > 0;
  std::array<double, kPriorities> served{};
  double total = 0;
  for (int i = 0; i < 200000; ++i) {
    const int c = static_cast<int>(credits.Choose(task_tokens));
    std::array<int64_t, kPriorities> tokens{};
    tokens[c] = task_tokens[c];
    credits.Serve(tokens, waiting);
    served[c] += static_cast<double>(task_tokens[c]);
    total += static_cast<double>(task_tokens[c]);
  }
  for (double& share : served) share /= total;
  return served;
}

TEST(ClassCreditsTest, TheMostUrgentClassGetsAllButWhatOthersAreOwed) {
  const auto shares = Shares({256, 256, 256});
  EXPECT_GE(shares[0], 0.8);
  EXPECT_GE(shares[1], 0.1);
  EXPECT_GE(shares[2], 0.05);
}

TEST(ClassCreditsTest, KeepsTheSharesWhateverTheSizesOfTasks) {
  const auto large_background = Shares({64, 0, 16384});
  EXPECT_GE(large_background[2], 0.05);
  EXPECT_GE(large_background[0], 0.9);
  EXPECT_GE(Shares({16384, 0, 64})[2], 0.05);
}

TEST(ClassCreditsTest, AClassAloneGetsEverything) {
  EXPECT_EQ(Shares({0, 0, 100})[2], 1);
  EXPECT_EQ(Shares({0, 100, 0})[1], 1);
}

TEST(ClassCreditsTest, CreditIsLostByBeingIdle) {
  ClassCredits credits;
  for (int i = 0; i < 100; ++i) credits.Serve({1000, 0, 0}, {true, false, true});
  EXPECT_EQ(credits.Choose({1000, 0, 1000}), Priority::kBackground);
  credits.Serve({1000, 0, 0}, {true, false, false});
  EXPECT_EQ(credits.Choose({1000, 0, 1000}), Priority::kInteractive);
}

}  // namespace
}  // namespace vitok
