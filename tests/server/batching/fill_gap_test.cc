#include "server/batching/fill_gap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FillGapTest, TakesTheSubsetWithTheLargestSum) {
  EXPECT_THAT(FillGap({{6, 5, 4}}, 10, 10), ElementsAre(0, 2));
  EXPECT_THAT(FillGap({{7, 5, 5}}, 10, 10), ElementsAre(1, 2));
  EXPECT_THAT(FillGap({{11}}, 10, 10), IsEmpty());
  EXPECT_THAT(FillGap({}, 10, 10), IsEmpty());
  EXPECT_THAT(FillGap({{1}}, 0, 0), IsEmpty());
}

TEST(FillGapTest, PrefersTheShortestPrefixThatIsEnough) {
  EXPECT_THAT(FillGap({{5, 4, 10}}, 10, 9), ElementsAre(0, 1));
  EXPECT_THAT(FillGap({{5, 4, 10}}, 10, 10), ElementsAre(2));
  EXPECT_THAT(FillGap({{3, 3, 3, 3}}, 6, 6), ElementsAre(0, 1)) << "and of equal sums the earlier items";
}

TEST(FillGapTest, EqualsAnExhaustiveSearch) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    const int64_t capacity = random() % 100;
    std::vector<int64_t> sizes(random() % 9);
    for (int64_t& size : sizes) size = 1 + random() % 60;
    int64_t best = 0;
    for (unsigned subset = 0; subset < (1u << sizes.size()); ++subset) {
      int64_t sum = 0;
      for (size_t i = 0; i < sizes.size(); ++i) sum += (subset >> i & 1) != 0 ? sizes[i] : 0;
      if (sum <= capacity) best = std::max(best, sum);
    }
    int64_t sum = 0;
    for (const int i : FillGap(sizes, capacity, capacity)) sum += sizes[i];
    EXPECT_EQ(sum, best);
  }
}

TEST(FillGapTest, NeverExceedsACapacityThatItCountsInSteps) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 100; ++trial) {
    const int64_t capacity = 1'000'000 + random() % 1'000'000;
    std::vector<int64_t> sizes(32);
    for (int64_t& size : sizes) size = 1 + random() % 400'000;
    int64_t sum = 0;
    for (const int i : FillGap(sizes, capacity, capacity)) sum += sizes[i];
    EXPECT_LE(sum, capacity);
    EXPECT_GE(sum, capacity * 98 / 100);
  }
}

}  // namespace
}  // namespace vitok
