// Rows of bfloat16 to e4m3. To find the scale a block holds its row in registers between amax and the result, so that
// memory is read once; with given scales there is nothing to wait for, and a block takes several short rows. Rows that
// do not divide into vectors, or wider than a block's registers, are read twice, a value at a time.
#include <algorithm>

#include "core/ops/quantize_rows_cuda.h"
#include "core/ops/rows_cuda.cuh"

namespace vitok {
namespace {

constexpr int kThreads = 256;  // at least, unless the row is short
constexpr int kMaxThreads = 1024;

__device__ __forceinline__ const __nv_bfloat16* RowOf(const QuantizeRowsArgs& args, int64_t row) {
  return static_cast<const __nv_bfloat16*>(args.x) + row * args.x_stride;
}

__device__ __forceinline__ uint8_t* OutOf(const QuantizeRowsArgs& args, int64_t row) {
  return static_cast<uint8_t*>(args.out) + row * args.out_stride;
}

// 1 / scale of the row, from each thread's amax.
__device__ __forceinline__ float FindFactor(float amax, const QuantizeRowsArgs& args) {
  const float scale = fmaxf(ReduceBlock({0, amax}).max, args.least_amax) / kE4m3Max;
  if (threadIdx.x == 0) args.scale[blockIdx.x] = scale;
  return 1.0f / scale;
}

template <int kVectors>  // of a thread, at most
__global__ void __launch_bounds__(kMaxThreads) QuantizeVectors(const QuantizeRowsArgs args) {
  const __nv_bfloat16* const x = RowOf(args, blockIdx.x);
  float values[kVectors][kVector] = {};
#pragma unroll
  for (int k = 0; k < kVectors; ++k) {
    const int column = (threadIdx.x + k * blockDim.x) * kVector;
    if (column < args.width) LoadVector(x + column, values[k]);
  }
  float amax = 0;
#pragma unroll
  for (int k = 0; k < kVectors; ++k) amax = AbsMax(values[k], amax);
  const float factor = FindFactor(amax, args);
  uint8_t* const out = OutOf(args, blockIdx.x);
#pragma unroll
  for (int k = 0; k < kVectors; ++k) {
    const int column = (threadIdx.x + k * blockDim.x) * kVector;
    if (column < args.width) StoreVector(values[k], factor, out + column);
  }
}

__global__ void QuantizeValues(const QuantizeRowsArgs args) {
  const __nv_bfloat16* const x = RowOf(args, blockIdx.x);
  float amax = 0;
  for (int64_t i = threadIdx.x; i < args.width; i += blockDim.x) amax = fmaxf(amax, fabsf(LoadFloat(x + i)));
  const float factor = FindFactor(amax, args);
  uint8_t* const out = OutOf(args, blockIdx.x);
  for (int64_t i = threadIdx.x; i < args.width; i += blockDim.x) StoreFloat(LoadFloat(x + i) * factor, out + i);
}

template <bool kVectors>
__global__ void QuantizeBy(const QuantizeRowsArgs args) {
  const int64_t row = int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (row >= args.rows) return;
  const float factor = 1.0f / args.scale[row];
  constexpr int kStep = kVectors ? kVector : 1;
  for (int64_t i = threadIdx.x * kStep; i < args.width; i += blockDim.x * kStep) {
    if constexpr (kVectors) {
      float values[kVector];
      LoadVector(RowOf(args, row) + i, values);
      StoreVector(values, factor, OutOf(args, row) + i);
    } else {
      StoreFloat(LoadFloat(RowOf(args, row) + i) * factor, OutOf(args, row) + i);
    }
  }
}

bool RunsInVectors(const QuantizeRowsArgs& args) {
  return args.width % kVector == 0 && TakesVectors(args.x, args.x_stride, 2) &&
         TakesVectors(args.out, args.out_stride, 1);
}

}  // namespace

cudaError_t LaunchQuantizeRows(const QuantizeRowsArgs& args, cudaStream_t stream) {
  const auto rows = static_cast<unsigned>(args.rows);
  const int64_t vectors = args.width / kVector;
  if (!RunsInVectors(args) || vectors > 4 * kMaxThreads) {
    QuantizeValues<<<rows, kThreads, 0, stream>>>(args);
  } else if (vectors <= kThreads) {
    QuantizeVectors<1><<<rows, RoundUpToWarps(vectors), 0, stream>>>(args);
  } else if (vectors <= 2 * kThreads) {
    QuantizeVectors<2><<<rows, RoundUpToWarps((vectors + 1) / 2), 0, stream>>>(args);
  } else {
    QuantizeVectors<4><<<rows, RoundUpToWarps((vectors + 3) / 4), 0, stream>>>(args);
  }
  return cudaGetLastError();
}

cudaError_t LaunchQuantizeRowsBy(const QuantizeRowsArgs& args, cudaStream_t stream) {
  const bool vectors = RunsInVectors(args);
  const int64_t steps = vectors ? args.width / kVector : args.width;
  const int across = std::min(RoundUpToWarps(steps), kThreads);
  const dim3 threads(across, kThreads / across);
  const auto blocks = static_cast<unsigned>((args.rows + threads.y - 1) / threads.y);
  if (vectors) {
    QuantizeBy<true><<<blocks, threads, 0, stream>>>(args);
  } else {
    QuantizeBy<false><<<blocks, threads, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

}  // namespace vitok
