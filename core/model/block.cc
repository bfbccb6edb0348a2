#include "core/model/block.h"

#include "core/ops/matmul.h"
#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"
#include "core/ops/swiglu.h"
#include "core/ops/varlen_attention.h"

namespace vitok {

Block::Block(const BlockWeights& weights, int64_t heads)
    : heads_(heads),
      width_(weights.norm1_W.size(0)),
      hidden_(weights.fc2_Wh.size(1)),
      norm1_W_(weights.norm1_W),
      norm_q_D_(weights.norm_q_D),
      norm_k_D_(weights.norm_k_D),
      weight_in_WM_(PrepareWeight(at::cat({weights.qkv_3WW, weights.fc1_2hW}, 0)).t()) {
  const at::Tensor out_WK = at::cat({weights.out_WW, weights.fc2_Wh}, 1);
  const at::Tensor scaled_WK = out_WK.to(at::kFloat) * weights.gamma_W.to(at::kFloat).unsqueeze(1);
  weight_out_KW_ = PrepareWeight(scaled_WK.to(out_WK.scalar_type())).t();
}

BlockScratch Block::MakeScratch(int64_t tokens) const {
  return {at::empty({tokens, 3 * width_ + 2 * hidden_}, norm1_W_.options()),
          at::empty({tokens, width_ + hidden_}, norm1_W_.options())};
}

void Block::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
  const int64_t head_dim = width_ / heads_;
  MatmulInto(RmsNorm(x_TW, norm1_W_), weight_in_WM_, scratch.in_TM);

  at::Tensor qkv_T3HD = scratch.in_TM.narrow(1, 0, 3 * width_).unflatten(1, {3, heads_, head_dim});
  QkNormRope(qkv_T3HD, norm_q_D_, norm_k_D_, attention.rope);
  at::Tensor attended_THD = scratch.out_TK.narrow(1, 0, width_).unflatten(1, {heads_, head_dim});
  VarlenAttentionInto(qkv_T3HD.select(1, 0), qkv_T3HD.select(1, 1), qkv_T3HD.select(1, 2), attention.offsets,
                      attention.window, attended_THD);

  at::Tensor hidden_Th = scratch.out_TK.narrow(1, width_, hidden_);
  SwiGluInto(scratch.in_TM.narrow(1, 3 * width_, 2 * hidden_), hidden_Th);

  AddMatmul(scratch.out_TK, weight_out_KW_, x_TW);
}

}  // namespace vitok
