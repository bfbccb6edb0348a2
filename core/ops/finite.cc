#include "core/ops/finite.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/ops/kernel_dispatch.h"

namespace vitok {
namespace {

// Values looked at between two questions whether one was not finite.
constexpr int64_t kBlock = 4096;

// Without its sign, a value is finite if and only if its bits are less than those of infinity: so the largest decides.
// Signed integers have a vector maximum on more machines.
template <typename Int>
__attribute__((always_inline)) inline bool AllBelow(const void* values, int64_t count, Int infinity) {
  const auto* const bytes = static_cast<const char*>(values);
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t end = std::min(count, begin + kBlock);
    Int largest = 0;
    for (int64_t i = begin; i < end; ++i) {
      Int bits;
      std::memcpy(&bits, bytes + i * sizeof(Int), sizeof(Int));
      bits = static_cast<Int>(bits & std::numeric_limits<Int>::max());
      largest = bits > largest ? bits : largest;
    }
    if (largest >= infinity) return false;
  }
  return true;
}

}  // namespace

VITOK_MULTIVERSION bool AllFinite(const float* values, int64_t count) {
  return AllBelow<int32_t>(values, count, 0x7F800000);
}

VITOK_MULTIVERSION bool AllFiniteHalf(const uint16_t* bits, int64_t count) {
  return AllBelow<int16_t>(bits, count, 0x7C00);
}

VITOK_MULTIVERSION bool AllFiniteBfloat16(const uint16_t* bits, int64_t count) {
  return AllBelow<int16_t>(bits, count, 0x7F80);
}

}  // namespace vitok
