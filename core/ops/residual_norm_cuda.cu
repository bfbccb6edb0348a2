// One block a row, eight values a thread that stay in registers between the sum and the result: the row is read once
// and written once, so the kernel runs at the speed of memory. Sum of squares and amax share one reduction: the factor
// of the norm is positive, so it commutes with amax. Rows that do not divide into vectors, or wider than a block, are
// read twice, a value at a time.
#include "core/ops/residual_norm_cuda.h"
#include "core/ops/rows_cuda.cuh"

namespace vitok {
namespace {

constexpr int kMaxThreads = 1024;

struct Row {
  __nv_bfloat16* x;
  const __nv_bfloat16* residual;
  float* scale;
  int64_t out;  // offset

  __device__ explicit Row(const ResidualNormArgs& args)
      : x(static_cast<__nv_bfloat16*>(args.x) + blockIdx.x * args.x_stride),
        residual(args.residual == nullptr
                     ? nullptr
                     : static_cast<const __nv_bfloat16*>(args.residual) + blockIdx.x * args.residual_stride),
        scale(args.scale + blockIdx.x),
        out(blockIdx.x * args.out_stride) {}
};

// The factor from x to the result; with kQuantize e4m3 is x · factor, and the scale is written.
template <bool kQuantize>
__device__ __forceinline__ float Factor(SumAndMax row, const ResidualNormArgs& args, float* scale) {
  const float norm = rsqrtf(row.sum / static_cast<float>(args.width) + args.eps);
  if constexpr (!kQuantize) return norm;
  const float row_scale = fmaxf(row.max * norm, kLeastAmax) / kE4m3Max;
  if (threadIdx.x == 0) *scale = row_scale;
  return norm / row_scale;
}

template <bool kQuantize>
__global__ void __launch_bounds__(kMaxThreads) NormVectors(const ResidualNormArgs args) {
  const Row row(args);
  const int column = threadIdx.x * kVector;
  const bool active = column < args.width;
  float x[kVector] = {};
  cudaGridDependencySynchronize();
  if (active) {
    LoadVector(row.x + column, x);
    if (row.residual != nullptr) {
      float added[kVector];
      LoadVector(row.residual + column, added);
#pragma unroll
      for (int i = 0; i < kVector; ++i) x[i] = __bfloat162float(__float2bfloat16_rn(x[i] + added[i]));
      StoreVector(x, row.x + column);
    }
  }
  SumAndMax part{0, AbsMax(x, 0)};
#pragma unroll
  for (int i = 0; i < kVector; ++i) part.sum += x[i] * x[i];
  const float factor = Factor<kQuantize>(ReduceBlock(part), args, row.scale);
  if (!active) return;
  if constexpr (kQuantize) {
    StoreVector(x, factor, static_cast<uint8_t*>(args.out) + row.out + column);
  } else {
#pragma unroll
    for (int i = 0; i < kVector; ++i) x[i] *= factor;
    StoreVector(x, static_cast<__nv_bfloat16*>(args.out) + row.out + column);
  }
}

template <bool kQuantize>
__global__ void NormValues(const ResidualNormArgs args) {
  const Row row(args);
  SumAndMax part{0, 0};
  for (int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
    if (row.residual != nullptr) StoreFloat(LoadFloat(row.x + i) + LoadFloat(row.residual + i), row.x + i);
    const float x = LoadFloat(row.x + i);
    part = {part.sum + x * x, fmaxf(part.max, fabsf(x))};
  }
  const float factor = Factor<kQuantize>(ReduceBlock(part), args, row.scale);
  for (int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
    const float h = LoadFloat(row.x + i) * factor;
    if constexpr (kQuantize) {
      StoreFloat(h, static_cast<uint8_t*>(args.out) + row.out + i);
    } else {
      StoreFloat(h, static_cast<__nv_bfloat16*>(args.out) + row.out + i);
    }
  }
}

template <bool kQuantize>
void Launch(const ResidualNormArgs& args, cudaStream_t stream) {
  const int64_t out_bytes = kQuantize ? 1 : 2;
  const bool vectors = args.width % kVector == 0 && args.width <= kMaxThreads * kVector &&
                       TakesVectors(args.x, args.x_stride, 2) && TakesVectors(args.residual, args.residual_stride, 2) &&
                       TakesVectors(args.out, args.out_stride, out_bytes);
  const auto rows = static_cast<unsigned>(args.rows);
  if (vectors) {
    LaunchEarly(NormVectors<kQuantize>, rows, RoundUpToWarps(args.width / kVector), 0, stream, args);
  } else {
    NormValues<kQuantize><<<rows, 256, 0, stream>>>(args);
  }
}

}  // namespace

cudaError_t LaunchResidualNorm(const ResidualNormArgs& args, cudaStream_t stream) {
  args.scale != nullptr ? Launch<true>(args, stream) : Launch<false>(args, stream);
  return cudaGetLastError();
}

}  // namespace vitok
