// Rows of float32 or bfloat16 as float32, for the CPU kernels: they compute in float32 and round once at the end.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace vitok {

inline float BitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline uint32_t FloatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float LoadFloat(const float* p) { return *p; }
inline float LoadFloat(const c10::BFloat16* p) { return BitsToFloat(static_cast<uint32_t>(p->x) << 16); }

inline void StoreFloat(float value, float* p) { *p = value; }
// Round to nearest even; NaN stays NaN. Without branches, so that loops over it are vectorised.
inline void StoreFloat(float value, c10::BFloat16* p) {
  const uint32_t bits = FloatToBits(value);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40;
  p->x = static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

}  // namespace vitok
