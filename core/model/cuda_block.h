// The block for a GPU in bfloat16.
#pragma once

#include "core/model/block.h"
#include "core/ops/cuda_linear.h"

namespace vitok {

// norm · [qkv | fc1] as one product · QkNormRopeSwiGlu · attention · [out_proj | fc2] as one product that adds to x.
// norm1's weight is folded into the first product, gamma into the second, both in float32 and rounded once.
// For long batches that product and QkNormRopeSwiGlu are one op, QkvSwiGlu, if that has a kernel for the shape; for
// short ones cuBLAS has a kernel that gains more than that. Where ShortBlock (core/ops/short_block.h) has kernels, it
// is all of the block.
class CudaBlock final : public Block {
 public:
  CudaBlock(const BlockWeights& weights, int64_t heads);

  BlockScratch MakeScratch(const AttentionLayout& attention) const override;
  void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const override;

 private:
  ShortBlockWeights ShortWeights() const;
  bool IsShort(const AttentionLayout& attention) const;

  Bfloat16Linear in_;
  Bfloat16Linear out_;
};

}  // namespace vitok
