#include "core/model/block.h"

#include "core/model/aten_block.h"
#include "core/model/cpu_block.h"

namespace vitok {

std::unique_ptr<Block> Block::Create(const BlockWeights& weights, int64_t heads) {
  if (weights.norm1_W.is_cpu()) return std::make_unique<CpuBlock>(weights, heads);
  return std::make_unique<AtenBlock>(weights, heads);
}

Block::Block(const BlockWeights& weights, int64_t heads)
    : heads_(heads),
      width_(weights.norm1_W.size(0)),
      hidden_(weights.fc2_Wh.size(1)),
      norm_q_D_(weights.norm_q_D),
      norm_k_D_(weights.norm_k_D) {}

at::Tensor Block::FoldOutput(const BlockWeights& weights) {
  const at::Tensor out_WK = at::cat({weights.out_WW, weights.fc2_Wh}, 1);
  const at::Tensor folded_WK = out_WK.to(at::kFloat) * weights.gamma_W.to(at::kFloat).unsqueeze(1);
  return folded_WK.to(out_WK.scalar_type());
}

BlockScratch Block::MakeScratch(int64_t tokens) const {
  return {at::empty({tokens, 3, heads_, width_ / heads_}, norm_q_D_.options()),
          at::empty({tokens, width_ + hidden_}, norm_q_D_.options())};
}

void Block::Attend(const AttentionLayout& attention, BlockScratch& scratch) const {
  const at::Tensor& qkv_T3HD = scratch.qkv_T3HD;
  const at::Tensor q_THD = qkv_T3HD.select(1, 0);
  const at::Tensor k_THD = qkv_T3HD.select(1, 1);
  const at::Tensor v_THD = qkv_T3HD.select(1, 2);
  at::Tensor attended_THD = scratch.out_TK.narrow(1, 0, width_).unflatten(1, {heads_, width_ / heads_});
  if (scratch.attention == nullptr) {
    scratch.attention = PrepareAttention(q_THD, k_THD, v_THD, attention.batch, attended_THD);
  }
  scratch.attention->Run(q_THD, k_THD, v_THD, attended_THD);
}

}  // namespace vitok
