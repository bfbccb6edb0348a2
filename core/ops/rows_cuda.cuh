// What kernels over rows of bfloat16 share: eight values at a time as floats, reductions over a block, e4m3.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp8.h>

#include <cstdint>

#include "core/ops/e4m3.h"

namespace vitok {

inline constexpr int kWarp = 32;
inline constexpr int kVector = 8;  // bfloat16 values of one 16-byte access

// REQUIRES for the Vector functions: a multiple of kVector values from a 16-byte (e4m3: 8-byte) boundary.
__device__ __forceinline__ uint4 LoadRaw(const __nv_bfloat16* from) { return *reinterpret_cast<const uint4*>(from); }

__device__ __forceinline__ void ToFloats(uint4 raw, float (&values)[kVector]) {
  const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    values[2 * i] = __uint_as_float(words[i] << 16);
    values[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
  }
}

__device__ __forceinline__ void LoadVector(const __nv_bfloat16* from, float (&values)[kVector]) {
  ToFloats(LoadRaw(from), values);
}

__device__ __forceinline__ uint32_t PackBfloat16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

__device__ __forceinline__ void StoreVector(const float (&values)[kVector], __nv_bfloat16* to) {
  *reinterpret_cast<uint4*>(to) = make_uint4(PackBfloat16(values[0], values[1]), PackBfloat16(values[2], values[3]),
                                             PackBfloat16(values[4], values[5]), PackBfloat16(values[6], values[7]));
}

__device__ __forceinline__ uint32_t PackE4m3(float a, float b) {
  return __nv_cvt_float2_to_fp8x2(make_float2(a, b), __NV_SATFINITE, __NV_E4M3);
}

// e4m3(values · factor)
__device__ __forceinline__ uint2 PackE4m3(const float (&values)[kVector], float factor) {
  const auto four = [&](int i) {
    return PackE4m3(values[i] * factor, values[i + 1] * factor) |
           PackE4m3(values[i + 2] * factor, values[i + 3] * factor) << 16;
  };
  return make_uint2(four(0), four(4));
}

__device__ __forceinline__ void StoreVector(const float (&values)[kVector], float factor, uint8_t* to) {
  *reinterpret_cast<uint2*>(to) = PackE4m3(values, factor);
}

__device__ __forceinline__ float2 UnpackE4m3(uint32_t pair) {
  const __half2_raw halves = __nv_cvt_fp8x2_to_halfraw2(static_cast<__nv_fp8x2_storage_t>(pair), __NV_E4M3);
  return __half22float2(halves);
}

__device__ __forceinline__ uint2 LoadRaw(const uint8_t* from) { return *reinterpret_cast<const uint2*>(from); }

__device__ __forceinline__ void ToFloats(uint2 raw, float (&values)[kVector]) {
  const uint32_t pairs[4] = {raw.x, raw.x >> 16, raw.y, raw.y >> 16};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 pair = UnpackE4m3(pairs[i]);
    values[2 * i] = pair.x;
    values[2 * i + 1] = pair.y;
  }
}

__device__ __forceinline__ float AbsMax(const float (&values)[kVector], float amax) {
#pragma unroll
  for (int i = 0; i < kVector; ++i) amax = fmaxf(amax, fabsf(values[i]));
  return amax;
}

__device__ __forceinline__ float LoadFloat(const __nv_bfloat16* from) { return __bfloat162float(*from); }
__device__ __forceinline__ float LoadFloat(const uint8_t* from) { return UnpackE4m3(*from).x; }
__device__ __forceinline__ void StoreFloat(float value, __nv_bfloat16* to) { *to = __float2bfloat16_rn(value); }
__device__ __forceinline__ void StoreFloat(float value, uint8_t* to) {
  *to = __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E4M3);
}

__device__ __forceinline__ float SwiGlu(float value, float gate) {
  constexpr float kMinusLog2E = -1.4426950408889634f;
  float power, inverse;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(gate * kMinusLog2E));
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(1.0f + power));
  return value * (gate * inverse);
}

// Sum and largest value over all threads of a block, for every thread.
struct SumAndMax {
  float sum;
  float max;
};

__device__ __forceinline__ SumAndMax ReduceWarp(SumAndMax value) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) {
    value.sum += __shfl_xor_sync(0xffffffffu, value.sum, offset);
    value.max = fmaxf(value.max, __shfl_xor_sync(0xffffffffu, value.max, offset));
  }
  return value;
}

// REQUIRES: called once a kernel, by all threads of a block of whole warps; value.max >= 0. Orders shared memory as
// __syncthreads does.
__device__ __forceinline__ SumAndMax ReduceBlock(SumAndMax value) {
  __shared__ SumAndMax of_warp[kWarp];
  value = ReduceWarp(value);
  const int lane = threadIdx.x % kWarp;
  if (lane == 0) of_warp[threadIdx.x / kWarp] = value;
  __syncthreads();
  return ReduceWarp(lane < blockDim.x / kWarp ? of_warp[lane] : SumAndMax{0, 0});
}

// Host: whether rows at `data`, `stride` elements of `bytes` apart, can be read a vector at a time.
inline bool TakesVectors(const void* data, int64_t stride, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(data) % (kVector * bytes) == 0 && stride % kVector == 0;
}

// Host: a launch that may begin while the kernel before it in the stream ends (programmatic dependent launch), which
// hides a part of the time between two kernels. `kernel` must call cudaGridDependencySynchronize() before it touches
// what the stream has worked on. cudaGetLastError() tells of an error.
template <typename Args>
void LaunchEarly(void (*kernel)(const Args), unsigned blocks, int threads, size_t shared_bytes, cudaStream_t stream,
                 const Args& args) {
  cudaLaunchAttribute attribute;
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(blocks);
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  static_cast<void>(cudaLaunchKernelEx(&config, kernel, args));
}

inline int RoundUpToWarps(int64_t threads) { return static_cast<int>((threads + kWarp - 1) / kWarp * kWarp); }

}  // namespace vitok
