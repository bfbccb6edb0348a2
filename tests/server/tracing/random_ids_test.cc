#include "server/tracing/random_ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace vitok {
namespace {

TEST(RandomIdsTest, AreValidAndDifferOverAllThreads) {
  constexpr int kThreads = 4;
  constexpr int kIds = 1000;
  std::vector<std::vector<std::string>> ids(kThreads);
  std::vector<std::thread> threads;
  for (std::vector<std::string>& mine : ids) {
    threads.emplace_back([&mine] {
      for (int i = 0; i < kIds; ++i) {
        const SpanContext context = {NewTraceId(), NewSpanId()};
        EXPECT_TRUE(context.valid());
        mine.push_back(context.trace.ToHex());
        mine.push_back(context.span.ToHex());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> distinct;
  for (const std::vector<std::string>& mine : ids) distinct.insert(mine.begin(), mine.end());
  EXPECT_EQ(distinct.size(), 2 * kThreads * kIds);
}

TEST(RandomIdsTest, ChanceKeepsItsProbability) {
  constexpr int kDraws = 100'000;
  for (const double probability : {0.0, 0.01, 0.5, 1.0}) {
    int hits = 0;
    for (int i = 0; i < kDraws; ++i) hits += Chance(probability) ? 1 : 0;
    // Six standard deviations and more.
    EXPECT_NEAR(hits, probability * kDraws, probability > 0 && probability < 1 ? 1000 : 0) << probability;
  }
}

}  // namespace
}  // namespace vitok
