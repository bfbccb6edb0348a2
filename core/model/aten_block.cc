#include "core/model/aten_block.h"

#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"
#include "core/ops/swiglu.h"

namespace vitok {

AtenBlock::AtenBlock(const BlockWeights& weights, int64_t heads)
    : Block(weights, heads),
      norm1_W_(weights.norm1_W),
      qkv_W3W_(weights.qkv_3WW.t()),
      fc1_W2h_(weights.fc1_2hW.t()),
      out_KW_(FoldOutput(weights).to(weights.out_WW.scalar_type()).t()) {}

void AtenBlock::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
  const at::Tensor h_TW = RmsNorm(x_TW, norm1_W_);
  at::Tensor qkv_T3W = scratch.qkv_T3HD.view({x_TW.size(0), 3 * width_});
  at::mm_out(qkv_T3W, h_TW, qkv_W3W_);
  QkNormRope(scratch.qkv_T3HD, norm_q_D_, norm_k_D_, scratch.rope);
  Attend(attention.batch, scratch.out_TK.narrow(1, 0, width_), scratch);
  at::Tensor hidden_Th = scratch.out_TK.narrow(1, width_, hidden_);
  SwiGluInto(at::mm(h_TW, fc1_W2h_), hidden_Th);
  x_TW.addmm_(scratch.out_TK, out_KW_);
}

}  // namespace vitok
