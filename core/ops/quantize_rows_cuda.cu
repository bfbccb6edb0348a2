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

// The rows of a thread, blockDim.y apart: their loads are in flight together.
constexpr int kRowsOfThread = 4;

__global__ void QuantizeVectorsBy(const QuantizeRowsArgs args) {
  const int64_t first = int64_t{blockIdx.x} * blockDim.y * kRowsOfThread + threadIdx.y;
  for (int64_t column = threadIdx.x * kVector; column < args.width; column += blockDim.x * kVector) {
    uint4 raw[kRowsOfThread];
    float scale[kRowsOfThread];
#pragma unroll
    for (int k = 0; k < kRowsOfThread; ++k) {
      const int64_t row = first + k * blockDim.y;
      if (row >= args.rows) continue;
      raw[k] = LoadRaw(RowOf(args, row) + column);
      scale[k] = args.scale[row];
    }
#pragma unroll
    for (int k = 0; k < kRowsOfThread; ++k) {
      const int64_t row = first + k * blockDim.y;
      if (row >= args.rows) continue;
      float values[kVector];
      ToFloats(raw[k], values);
      StoreVector(values, 1.0f / scale[k], OutOf(args, row) + column);
    }
  }
}

__global__ void QuantizeValuesBy(const QuantizeRowsArgs args) {
  const float factor = 1.0f / args.scale[blockIdx.x];
  for (int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
    StoreFloat(LoadFloat(RowOf(args, blockIdx.x) + i) * factor, OutOf(args, blockIdx.x) + i);
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
  if (RunsInVectors(args)) {
    const int across = std::min(RoundUpToWarps(args.width / kVector), kThreads);
    const dim3 threads(across, kThreads / across);
    const int64_t rows_of_block = threads.y * kRowsOfThread;
    const auto blocks = static_cast<unsigned>((args.rows + rows_of_block - 1) / rows_of_block);
    QuantizeVectorsBy<<<blocks, threads, 0, stream>>>(args);
  } else {
    QuantizeValuesBy<<<static_cast<unsigned>(args.rows), kThreads, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

}  // namespace vitok
