// Launch of the CUDA kernels of core/ops/quantize_rows.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

// Device pointers; strides in elements, each row contiguous.
struct QuantizeRowsArgs {
  const void* x;  // bfloat16 [rows, width]
  int64_t x_stride;
  void* out;  // e4m3 [rows, width]
  int64_t out_stride;
  float* scale;  // [rows]
  int64_t rows;  // at least 1
  int64_t width;
  float least_amax;
};

// Writes out and scale.
cudaError_t LaunchQuantizeRows(const QuantizeRowsArgs& args, cudaStream_t stream);

// Writes out with the scales given; least_amax is not used.
cudaError_t LaunchQuantizeRowsBy(const QuantizeRowsArgs& args, cudaStream_t stream);

}  // namespace vitok
