// Launch of the CUDA kernel of core/ops/residual_norm.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

// Device pointers; strides in elements, each row contiguous.
struct ResidualNormArgs {
  void* x;  // bfloat16 [rows, width]
  int64_t x_stride;
  const void* residual;  // bfloat16 [rows, width], or null
  int64_t residual_stride;
  void* out;  // [rows, width]: e4m3 if `scale`, else bfloat16
  int64_t out_stride;
  float* scale;  // [rows], or null
  int64_t rows;  // at least 1
  int64_t width;
  float eps;
};

cudaError_t LaunchResidualNorm(const ResidualNormArgs& args, cudaStream_t stream);

}  // namespace vitok
