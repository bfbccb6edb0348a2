#include "core/model/block.h"

#include "core/model/token_chunks.h"
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
      qkv_W3W_(PrepareWeight(weights.qkv_3WW).t()),
      fc1_W2h_(PrepareWeight(weights.fc1_2hW).t()) {
  const at::Tensor out_WK = at::cat({weights.out_WW, weights.fc2_Wh}, 1);
  const at::Tensor scaled_WK = out_WK.to(at::kFloat) * weights.gamma_W.to(at::kFloat).unsqueeze(1);
  out_KW_ = PrepareWeight(scaled_WK.to(out_WK.scalar_type())).t();
}

BlockScratch Block::MakeScratch(int64_t tokens) const {
  return {at::empty({tokens, 3, heads_, width_ / heads_}, norm1_W_.options()),
          at::empty({tokens, width_ + hidden_}, norm1_W_.options())};
}

void Block::ForwardIn(const at::Tensor& x_TW, const RopeTable& rope, BlockScratch& scratch, int64_t begin,
                      int64_t end) const {
  const int64_t tokens = end - begin;
  const at::Tensor h_TW = RmsNorm(x_TW.narrow(0, begin, tokens), norm1_W_);

  at::Tensor qkv_T3HD = scratch.qkv_T3HD.narrow(0, begin, tokens);
  at::Tensor qkv_T3W = qkv_T3HD.view({tokens, 3 * width_});
  MatmulInto(h_TW, qkv_W3W_, qkv_T3W);
  QkNormRope(qkv_T3HD, norm_q_D_, norm_k_D_,
             {rope.cos_TF.narrow(0, begin, tokens), rope.sin_TF.narrow(0, begin, tokens)});

  at::Tensor fc1_T2h = at::empty({tokens, 2 * hidden_}, h_TW.options());
  MatmulInto(h_TW, fc1_W2h_, fc1_T2h);
  at::Tensor hidden_Th = scratch.out_TK.narrow(0, begin, tokens).narrow(1, width_, hidden_);
  SwiGluInto(fc1_T2h, hidden_Th);
}

void Block::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
  ForEachTokenChunk(x_TW, [&](int64_t begin, int64_t end) { ForwardIn(x_TW, attention.rope, scratch, begin, end); });

  const at::Tensor& qkv_T3HD = scratch.qkv_T3HD;
  at::Tensor attended_THD = scratch.out_TK.narrow(1, 0, width_).unflatten(1, {heads_, width_ / heads_});
  VarlenAttentionInto(qkv_T3HD.select(1, 0), qkv_T3HD.select(1, 1), qkv_T3HD.select(1, 2), attention.offsets,
                      attention.window, attended_THD);

  ForEachTokenChunk(x_TW, [&](int64_t begin, int64_t end) {
    at::Tensor chunk_TW = x_TW.narrow(0, begin, end - begin);
    AddMatmul(scratch.out_TK.narrow(0, begin, end - begin), out_KW_, chunk_TW);
  });
}

}  // namespace vitok
