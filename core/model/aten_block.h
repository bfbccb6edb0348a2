// The block in ATen ops, for every device that has no form of its own.
#pragma once

#include "core/model/block.h"

namespace vitok {

class AtenBlock final : public Block {
 public:
  AtenBlock(const BlockWeights& weights, int64_t heads);

  void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const override;

 private:
  at::Tensor norm1_W_;
  at::Tensor qkv_W3W_;
  at::Tensor fc1_W2h_;
  at::Tensor out_KW_;
};

}  // namespace vitok
