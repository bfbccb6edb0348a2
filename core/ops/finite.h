// Whether values are finite, at the speed of memory. Free of torch. Thread-safe.
#pragma once

#include <cstdint>

namespace vitok {

// True if none of `count` values is NaN or infinite. Stops soon after the first one that is.
bool AllFinite(const float* values, int64_t count);

// The same for 16-bit floats, given as bits.
bool AllFiniteHalf(const uint16_t* bits, int64_t count);
bool AllFiniteBfloat16(const uint16_t* bits, int64_t count);

}  // namespace vitok
