// Launch of the CUDA kernel of core/ops/qk_norm_rope_swiglu.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

// Device pointers; strides in elements, each row contiguous.
struct QkNormRopeSwiGluArgs {
  void* y;  // bfloat16 [tokens, 3 · heads · head_dim + 2 · hidden]
  int64_t y_stride;
  int64_t tokens;  // at least 1
  int heads;
  int head_dim;          // a multiple of 4, at most 8192
  int hidden;            // 0: queries and keys alone
  int group_stride;      // between groups of 8 MLP values
  int gate_offset;       // from a value to its gate
  const void* weight_q;  // bfloat16 [head_dim]
  const void* weight_k;
  const int32_t* row;  // [tokens]
  const int32_t* col;
  const float* frequency;  // [head_dim / 4]
  void* out;               // [tokens, hidden]: e4m3 if `scale`, else bfloat16
  int64_t out_stride;
  float* scale;  // [tokens], or null
  float least_amax;
  float eps;  // of the norms
};

cudaError_t LaunchQkNormRopeSwiGlu(const QkNormRopeSwiGluArgs& args, cudaStream_t stream);

}  // namespace vitok
