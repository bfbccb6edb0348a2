// The sums of squares that LaunchShortIn takes, of rows that LaunchShortOut has not written. Eight lanes a sum.
#include "core/ops/rows_cuda.cuh"
#include "core/ops/short_block_cuda.h"

namespace vitok {
namespace {

constexpr int kLanes = kShortColumns / kVector;

__global__ void ShortSquares(const ShortBlockArgs args) {
  const int row = blockIdx.x;
  const auto* const x = static_cast<const __nv_bfloat16*>(args.x) + row * args.x_stride;
  // Whole warps of vectors: no lane stays away from the shuffles.
  for (int i = threadIdx.x; i < (args.width / kVector + kWarp - 1) / kWarp * kWarp; i += blockDim.x) {
    float values[kVector] = {};
    if (i * kVector < args.width) LoadVector(x + i * kVector, values);
    float sum = 0;
#pragma unroll
    for (int k = 0; k < kVector; ++k) sum += values[k] * values[k];
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
    if (i % kLanes == 0 && i * kVector < args.width) args.squares[i / kLanes * kShortRows + row] = sum;
  }
}

}  // namespace

cudaError_t LaunchShortSquares(const ShortBlockArgs& args, cudaStream_t stream) {
  ShortSquares<<<static_cast<unsigned>(args.tokens), 128, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace vitok
