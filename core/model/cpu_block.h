// The block for the CPU, in float32.
#pragma once

#include "core/model/block.h"
#include "core/ops/linear.h"

namespace vitok {

// All but attention is local to a token, so tokens are worked on in chunks that stay in a core's cache: qkv with its
// norm and rotation and the MLP's hidden state of a chunk, then attention over whole images, then the output product of
// a chunk. norm1's weight is folded into qkv and fc1, its scale is applied to their results. No result depends on the
// other images of the batch or on the number of threads, bit for bit.
class CpuBlock final : public Block {
 public:
  CpuBlock(const BlockWeights& weights, int64_t heads);

  void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const override;

 private:
  // Everything up to attention, for tokens [begin, end).
  void ForwardIn(const at::Tensor& x_TW, const RopeTable& rope, BlockScratch& scratch, int64_t begin,
                 int64_t end) const;

  CpuLinear qkv_;
  CpuSwiGlu fc1_;
  CpuLinear out_;
};

}  // namespace vitok
