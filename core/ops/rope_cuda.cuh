// 2-D RoPE (core/ops/rope2d.h) for kernels that compute the angles themselves.
#pragma once

#include <cuda_runtime_api.h>

namespace vitok {

// Cosine and sine of the angle position · frequency, each off by less than 2^-19 where |angle| <= 2^24. The angle is
// rounded to float32 as it is by definition; whole turns are then taken off it, by a 2π in two parts, to where the
// GPU's approximations are good.
__device__ __forceinline__ float2 RotationAt(float position, float frequency) {
  constexpr double kTurn = 6.283185307179586477;
  constexpr float kHigh = static_cast<float>(kTurn);
  constexpr float kLow = static_cast<float>(kTurn - kHigh);
  constexpr float kToWhole = 12582912.0f;  // 1.5 · 2^23: with it added, a float has no place for fractions
  const float angle = __fmul_rn(position, frequency);
  const float turns = __fadd_rn(__fmaf_rn(angle, static_cast<float>(1 / kTurn), kToWhole), -kToWhole);
  const float rest = __fmaf_rn(turns, -kLow, __fmaf_rn(turns, -kHigh, angle));
  return make_float2(__cosf(rest), __sinf(rest));
}

__device__ __forceinline__ float2 Rotate(float a, float b, float2 by) {
  return make_float2(a * by.x - b * by.y, a * by.y + b * by.x);
}

}  // namespace vitok
