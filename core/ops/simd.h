// Vectors of floats for the hand-written CPU kernels, and the choice between instruction sets. Free of torch. A kernel
// is a template over Isa, compiled once for each instruction set inside a function with that target, so that one binary
// is fast on every x86-64 machine.
#pragma once

#include <cstdint>

#define VITOK_INLINE __attribute__((always_inline)) inline

namespace vitok {

typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));

// A vector type with its integer twin and the form that may lie at any address.
template <typename V>
struct Simd {
  using Vector = V;
  typedef V Unaligned __attribute__((aligned(4), may_alias));
  typedef decltype(V{} < V{}) Int;
  static constexpr int kLanes = sizeof(V) / sizeof(float);
};

template <typename I>
VITOK_INLINE typename I::Vector LoadVector(const float* p) {
  return *reinterpret_cast<const typename I::Unaligned*>(p);
}

template <typename I>
VITOK_INLINE void StoreVector(typename I::Vector value, float* p) {
  *reinterpret_cast<typename I::Unaligned*>(p) = value;
}

inline constexpr float kRoundToInteger = 12582912.0f;  // 1.5 · 2^23: adding and subtracting it rounds to an integer

// p *= 2^n for integers n in [-126, 127].
template <typename I>
VITOK_INLINE void ScaleByPowerOfTwo(const typename I::Vector& n, typename I::Vector& p) {
  const typename I::Int bits = (__builtin_convertvector(n, typename I::Int) + 127) << 23;
  typename I::Vector power;
  __builtin_memcpy(&power, &bits, sizeof(power));
  p *= power;
}

// x = exp(x) for x <= 88, as 2^n · p(r) with |r| <= ln(2) / 2; relative error below 3e-7, results below 1.6e-38 are
// cut. NaN stays.
template <typename I>
VITOK_INLINE void Exponentiate(typename I::Vector& x) {
  using V = typename I::Vector;
  const V lowest = V{} - 87.0f;
  x = x < lowest ? lowest : x;
  const V n = (x * 1.44269504088896341f + kRoundToInteger) - kRoundToInteger;
  const V r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  V p = r * (1.0f / 720.0f) + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  ScaleByPowerOfTwo<I>(n, p);
  x = p;
}

// x = 2^x for x <= 127, the same way.
template <typename I>
VITOK_INLINE void PowerOfTwo(typename I::Vector& x) {
  using V = typename I::Vector;
  const V lowest = V{} - 126.0f;
  x = x < lowest ? lowest : x;
  const V n = (x + kRoundToInteger) - kRoundToInteger;
  const V r = x - n;
  V p = r * 1.54035304e-4f + 1.33335581e-3f;  // ln(2)^k / k!
  p = p * r + 9.61812911e-3f;
  p = p * r + 5.55041087e-2f;
  p = p * r + 0.240226507f;
  p = p * r + 0.693147181f;
  p = p * r + 1.0f;
  ScaleByPowerOfTwo<I>(n, p);
  x = p;
}

#if defined(__x86_64__)
#define VITOK_TARGET_AVX512 __attribute__((target("arch=x86-64-v4")))
#define VITOK_TARGET_AVX2 __attribute__((target("arch=x86-64-v3")))
#else
#define VITOK_TARGET_AVX512
#define VITOK_TARGET_AVX2
#endif

// The one of three forms of a function that is the fastest on this machine.
template <typename Function>
Function FastestOnThisCpu(Function avx512, Function avx2, Function baseline) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw")) {
    return avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2;
#endif
  return baseline;
}

}  // namespace vitok
