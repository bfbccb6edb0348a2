// Launch of the CUDA kernels of core/ops/qkv_swiglu.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

// Columns that the end of the kernel takes at a time, and of a head that it can norm and rotate.
inline constexpr int kQkvSwiGluUnit = 64;

// Device pointers from a 16-byte boundary; strides in elements, multiples of 16 bytes; each row contiguous.
struct QkvSwiGluArgs {
  const void* x;  // bfloat16 or e4m3 [tokens, inputs]
  int64_t x_stride;
  int64_t tokens;             // at least 1, less than 2^31
  int inputs;                 // a multiple of 16 bytes
  const void* weight;         // [plain + 2 · hidden, inputs], contiguous; values and gates in turns of 8 rows
  const float* x_scale;       // e4m3: [tokens]
  const float* weight_scale;  // e4m3: [plain + 2 · hidden]
  int plain;                  // columns that are not the MLP's; a multiple of kQkvSwiGluUnit
  void* plain_out;            // bfloat16 [tokens, plain]
  int64_t plain_stride;
  int rotated;         // of them, the queries and then as many keys, in heads of kQkvSwiGluUnit; 0: none is normed
  const void* norm_q;  // bfloat16 [kQkvSwiGluUnit]
  const void* norm_k;
  const int32_t* row;  // [tokens]
  const int32_t* col;
  const float* frequency;  // [kQkvSwiGluUnit / 4]
  float eps;               // of the norms
  int hidden;              // a multiple of 8
  void* hidden_out;        // bfloat16 [tokens, hidden]
  int64_t hidden_stride;
  int multiprocessors;  // of the device
  int64_t cache_bytes;  // its L2
};

// REQUIRES: a device of compute capability 9.0.
cudaError_t LaunchQkvSwiGluBfloat16(const QkvSwiGluArgs& args, cudaStream_t stream);
cudaError_t LaunchQkvSwiGluE4m3(const QkvSwiGluArgs& args, cudaStream_t stream);

}  // namespace vitok
