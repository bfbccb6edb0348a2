// A transformer block (core/model/cuda_block.h) over so few tokens that a GPU's kernels cost more by their ends than by
// their work, in three of them that overlap:
//   [qkv | hidden] of QkvSwiGlu (core/ops/qkv_swiglu.h) from x · 1 / sqrt(mean(x²) + eps)
//   attention within images (core/ops/varlen_attention.h)
//   x = x + [attention | hidden] · Wᵀ
// x enters the first product as it is; its norm is a factor of the float32 sums. x is rounded once a block.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "core/ops/rope2d.h"

namespace vitok {

struct ShortBlockWeights {
  at::Tensor in_PW;     // [3W + 2h, W] from InterleaveMlp (core/ops/qkv_swiglu.h), the norm's weight folded in
  at::Tensor norm_q_D;  // W = H · D
  at::Tensor norm_k_D;
  at::Tensor out_WK;  // [W, W + h]
};

// What the blocks of a tower share during one forward pass.
struct ShortBlockScratch {
  at::Tensor qkv_TQ;     // [T, 3W]
  at::Tensor out_TK;     // [T, W + h]
  at::Tensor squares;    // ShortBlock leaves the sums of squares of x here for the next one
  bool squared = false;  // they are there

  static ShortBlockScratch For(int64_t tokens, const ShortBlockWeights& weights);
};

// Whether ShortBlock has kernels for this many tokens of this shape on this device: bfloat16 on a GPU of compute
// capability 9.0, up to 256 tokens, heads of 64, W a multiple of 128, h of 8.
bool HasShortBlockKernels(const ShortBlockWeights& weights, int64_t tokens);

// Adds the block's result to x [T, W]. Weights, x and scratch bfloat16, rows at 16-byte boundaries; cu_I1 int32, where
// images begin and where the last one ends; attention of tokens beyond that is 0. An image's result does not depend on
// the others, whatever their values. REQUIRES: HasShortBlockKernels; between two calls with one
// scratch nothing else writes x.
void ShortBlock(const ShortBlockWeights& weights, const RopePositions& positions, const at::Tensor& cu_I1,
                at::Tensor& x_TW, ShortBlockScratch& scratch);

// The definition in ATen ops, in the dtype of its tensors.
void ShortBlockReference(const ShortBlockWeights& weights, const RopePositions& positions, const at::Tensor& cu_I1,
                         at::Tensor& x_TW, ShortBlockScratch& scratch);

}  // namespace vitok
