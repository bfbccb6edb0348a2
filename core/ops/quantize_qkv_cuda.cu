// Every value is read once and written once: the kernel runs at the speed of memory. A thread takes the same 16 columns
// of several rows, whose loads are in flight together. Widths that do not divide into them take a value at a time.
#include <algorithm>

#include "core/ops/quantize_qkv_cuda.h"
#include "core/ops/rows_cuda.cuh"

namespace vitok {
namespace {

using Args = QuantizeQkvArgs;

constexpr int kThreads = 256;
constexpr int kColumns = 2 * kVector;  // one 16-byte store
constexpr int kRowsOfThread = 4;       // neighbours

__device__ __forceinline__ const __nv_bfloat16* RowOf(const Args& args, int64_t row) {
  return static_cast<const __nv_bfloat16*>(args.qkv) + row * args.qkv_stride;
}

__device__ __forceinline__ uint8_t* OutOf(const Args& args, int64_t row) {
  return static_cast<uint8_t*>(args.out) + row * args.out_stride;
}

__device__ __forceinline__ float FactorOf(const Args& args, int64_t column) {
  return column < 2 * args.width ? 1.0f : args.value_factor;
}

__device__ __forceinline__ uint2 Quantize(uint4 raw, float factor) {
  float values[kVector];
  ToFloats(raw, values);
  return PackE4m3(values, factor);
}

__global__ void QuantizeVectors(const Args args) {
  const int64_t first = (int64_t{blockIdx.x} * blockDim.y + threadIdx.y) * kRowsOfThread;
  for (int64_t column = threadIdx.x * kColumns; column < 3 * args.width; column += blockDim.x * kColumns) {
    const float factor = FactorOf(args, column);
    uint4 raw[kRowsOfThread][2];
#pragma unroll
    for (int k = 0; k < kRowsOfThread; ++k) {
      if (first + k >= args.rows) break;
      raw[k][0] = LoadRaw(RowOf(args, first + k) + column);
      raw[k][1] = LoadRaw(RowOf(args, first + k) + column + kVector);
    }
#pragma unroll
    for (int k = 0; k < kRowsOfThread; ++k) {
      if (first + k >= args.rows) break;
      const uint2 low = Quantize(raw[k][0], factor), high = Quantize(raw[k][1], factor);
      *reinterpret_cast<uint4*>(OutOf(args, first + k) + column) = make_uint4(low.x, low.y, high.x, high.y);
    }
  }
}

__global__ void QuantizeValues(const Args args) {
  for (int64_t i = threadIdx.x; i < 3 * args.width; i += blockDim.x) {
    StoreFloat(LoadFloat(RowOf(args, blockIdx.x) + i) * FactorOf(args, i), OutOf(args, blockIdx.x) + i);
  }
}

bool RunsInVectors(const Args& args) {
  return args.width % kColumns == 0 && TakesVectors(args.qkv, args.qkv_stride, 2) &&
         reinterpret_cast<uintptr_t>(args.out) % kColumns == 0 && args.out_stride % kColumns == 0;
}

}  // namespace

cudaError_t LaunchQuantizeQkv(const Args& args, cudaStream_t stream) {
  if (RunsInVectors(args)) {
    const int64_t vectors = 3 * args.width / kColumns;
    const int64_t steps = (vectors + kThreads - 1) / kThreads;
    const int across = RoundUpToWarps((vectors + steps - 1) / steps);
    const dim3 threads(across, std::max(1, kThreads / across));
    const int64_t rows_of_block = int64_t{threads.y} * kRowsOfThread;
    QuantizeVectors<<<static_cast<unsigned>((args.rows + rows_of_block - 1) / rows_of_block), threads, 0, stream>>>(
        args);
  } else {
    QuantizeValues<<<static_cast<unsigned>(args.rows), kThreads, 0, stream>>>(args);
  }
  return cudaGetLastError();
}

}  // namespace vitok
