// Launch of the CUDA kernel of core/ops/quantize_qkv.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

// Device pointers; strides in elements, each row contiguous.
struct QuantizeQkvArgs {
  const void* qkv;  // bfloat16 [rows, 3 · width]
  int64_t qkv_stride;
  void* out;  // e4m3 [rows, 3 · width]
  int64_t out_stride;
  int64_t rows;  // at least 1
  int64_t width;
  float value_factor;  // 1 / value_scale
};

cudaError_t LaunchQuantizeQkv(const QuantizeQkvArgs& args, cudaStream_t stream);

}  // namespace vitok
