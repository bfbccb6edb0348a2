#include "core/ops/finite.h"

#include <gtest/gtest.h>

#include <bit>
#include <vector>

namespace vitok {
namespace {

// Around vectors and blocks.
constexpr int64_t kCounts[] = {1, 3, 16, 65, 4095, 4096, 4097, 9000};

// `all_finite(values)` for `bad` among `good` values, in many places.
template <typename T, typename Function>
void CheckPlaces(Function all_finite, T good, T bad) {
  EXPECT_TRUE(all_finite(static_cast<const T*>(nullptr), 0));
  for (const int64_t count : kCounts) {
    std::vector<T> values(count, good);
    EXPECT_TRUE(all_finite(values.data(), count)) << count;
    for (const int64_t place : {int64_t{0}, count / 2, count - 1}) {
      values[place] = bad;
      EXPECT_FALSE(all_finite(values.data(), count)) << place << " of " << count;
      values[place] = good;
    }
  }
}

TEST(FiniteTest, FindsInfinityAndNanOfFloats) {
  const auto all_finite = [](const float* values, int64_t count) { return AllFinite(values, count); };
  for (const uint32_t bad : {0x7F800000U, 0xFF800000U, 0x7F800001U, 0xFFC00000U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    for (const uint32_t good : {0x7F7FFFFFU, 0xFF7FFFFFU, 0x00000001U, 0x80000000U}) {
      CheckPlaces(all_finite, std::bit_cast<float>(good), std::bit_cast<float>(bad));
    }
  }
}

TEST(FiniteTest, FindsInfinityAndNanOfHalves) {
  for (const uint16_t bad : {0x7C00, 0xFC00, 0x7C01, 0xFE00, 0xFFFF}) {
    for (const uint16_t good : {0x7BFF, 0xFBFF, 0x0001, 0x8000}) CheckPlaces(AllFiniteHalf, good, bad);
  }
}

TEST(FiniteTest, FindsInfinityAndNanOfBfloat16) {
  for (const uint16_t bad : {0x7F80, 0xFF80, 0x7F81, 0xFFC0, 0xFFFF}) {
    for (const uint16_t good : {0x7F7F, 0xFF7F, 0x7C00, 0x0001, 0x8000}) CheckPlaces(AllFiniteBfloat16, good, bad);
  }
}

}  // namespace
}  // namespace vitok
