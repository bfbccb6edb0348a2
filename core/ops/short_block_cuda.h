// Launches of the CUDA kernels of core/ops/short_block.h, in the order in which they depend on each other.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

inline constexpr int kShortRows = 256;    // tokens that these kernels take at most
inline constexpr int kShortHeadDim = 64;  // of every head
inline constexpr int kShortColumns = 64;  // of x, of which a row has one sum of squares
inline constexpr int kShortWidth = 128;   // what the width is a multiple of

// Device pointers from a 16-byte boundary; strides in elements, multiples of 16 bytes; each row contiguous.
struct ShortBlockArgs {
  void* x;  // bfloat16 [tokens, width]
  int64_t x_stride;
  float* squares;  // [width / kShortColumns, kShortRows]
  int tokens;      // 1 to kShortRows
  int width;       // a multiple of kShortWidth
  int hidden;      // a multiple of 8
  float eps;       // of the norms

  const void* in_weight;  // bfloat16 [3 · width + 2 · hidden, width], contiguous; values and gates in turns of 8 rows
  void* qkv;              // bfloat16 [tokens, 3 · width]
  int64_t qkv_stride;
  const void* norm_q;  // bfloat16 [kShortHeadDim]
  const void* norm_k;
  const int32_t* row;  // [tokens]
  const int32_t* col;
  const float* frequency;  // [kShortHeadDim / 4]

  void* out;  // bfloat16 [tokens, width + hidden]: attention result | hidden state
  int64_t out_stride;
  const int32_t* cu;  // [images + 1]: where images begin, and the last one's end
  int images;

  const void* out_weight;  // bfloat16 [width, width + hidden], contiguous
};

// REQUIRES: a device of compute capability 9.0. LaunchShortOut comes right after LaunchShortAttention, and that after
// LaunchShortIn: they begin before the kernel in front of them has ended.
cudaError_t LaunchShortSquares(const ShortBlockArgs& args, cudaStream_t stream);
cudaError_t LaunchShortIn(const ShortBlockArgs& args, cudaStream_t stream);
cudaError_t LaunchShortAttention(const ShortBlockArgs& args, cudaStream_t stream);
cudaError_t LaunchShortOut(const ShortBlockArgs& args, cudaStream_t stream);

}  // namespace vitok
