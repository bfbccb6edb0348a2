#include "core/base/random_stream.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace vitok {
namespace {

using Counter = std::array<uint32_t, 4>;

// The known answers that come with the reference implementation of Philox (Random123, kat_vectors).
TEST(RandomStreamTest, PhiloxGivesThePublishedAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}), (Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}), (Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStreamTest, BitsAreThoseOfTheBlocksInOrder) {
  RandomStream random(0x0123456789abcdef, 0xfedcba9876543210);
  for (uint32_t block = 0; block < 3; ++block) {
    const Counter words = Philox4x32({block, 0, 0x76543210, 0xfedcba98}, {0x89abcdef, 0x01234567});
    EXPECT_EQ(random.NextBits(), uint64_t{words[1]} << 32 | words[0]);
    EXPECT_EQ(random.NextBits(), uint64_t{words[3]} << 32 | words[2]);
  }
}

TEST(RandomStreamTest, OtherSeedsAndIndicesGiveOtherNumbers) {
  EXPECT_EQ(RandomStream(1, 2).NextBits(), RandomStream(1, 2).NextBits());
  EXPECT_NE(RandomStream(1, 2).NextBits(), RandomStream(1, 3).NextBits());
  EXPECT_NE(RandomStream(1, 2).NextBits(), RandomStream(2, 2).NextBits());
  EXPECT_NE(RandomStream(1, 2).NextBits(), RandomStream(2, 1).NextBits());
}

TEST(RandomStreamTest, GoesOnFromACount) {
  RandomStream whole(5, 6);
  for (int64_t count = 0; count < 6; ++count) {
    ASSERT_EQ(whole.count(), count);
    RandomStream resumed(5, 6);
    resumed.set_count(count);
    RandomStream rest = whole;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(resumed.NextBits(), rest.NextBits()) << count;
    whole.NextBits();
  }
}

TEST(RandomStreamTest, UniformNumbersFillTheUnitInterval) {
  constexpr int kDraws = 10000, kBins = 10;
  std::vector<int> counts(kBins);
  RandomStream random(7, 0);
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.NextUniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    ++counts[static_cast<size_t>(u * kBins)];
  }
  // Five standard deviations of a bin's count.
  for (const int count : counts) EXPECT_NEAR(count, kDraws / kBins, 5 * std::sqrt(kDraws * 0.1 * 0.9));
}

TEST(RandomStreamTest, IntegersAreBelowTheirBound) {
  RandomStream random(3, 4);
  std::vector<int> counts(7);
  for (int i = 0; i < 7000; ++i) ++counts.at(random.NextBelow(7));
  for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
  EXPECT_EQ(random.NextBelow(1), 0);
  for (int i = 0; i < 100; ++i) {
    const int64_t large = random.NextBelow(INT64_MAX);
    EXPECT_GE(large, 0);
    EXPECT_LT(large, INT64_MAX);
  }
}

}  // namespace
}  // namespace vitok
