#include "core/model/block.h"

#include "core/model/aten_block.h"
#include "core/model/cpu_block.h"
#include "core/model/cuda_block.h"
#include "core/model/cuda_fp8_block.h"
#include "core/ops/qkv_swiglu.h"

namespace vitok {

AttentionPath BlockScratch::path() const {
  if (short_block.has_value()) return AttentionPath::kShort;
  if (fp8_attention != nullptr && fp8_attention->path().has_value()) return *fp8_attention->path();
  return attention->path();
}

std::unique_ptr<Block> Block::Create(const BlockWeights& weights, int64_t heads, Precision precision,
                                     Accumulation out_accumulation) {
  if (weights.norm1_W.is_cpu()) return std::make_unique<CpuBlock>(weights, heads);
  if (precision == Precision::kFp8) return std::make_unique<CudaFp8Block>(weights, heads, out_accumulation);
  if (precision == Precision::kBfloat16) return std::make_unique<CudaBlock>(weights, heads);
  return std::make_unique<AtenBlock>(weights, heads);
}

Block::Block(const BlockWeights& weights, int64_t heads)
    : heads_(heads),
      width_(weights.norm1_W.size(0)),
      hidden_(weights.fc2_Wh.size(1)),
      norm_q_D_(weights.norm_q_D),
      norm_k_D_(weights.norm_k_D) {}

at::Tensor Block::FoldInput(const BlockWeights& weights) {
  return at::cat({weights.qkv_3WW, weights.fc1_2hW}, 0).to(at::kFloat) * weights.norm1_W.to(at::kFloat);
}

MlpColumns Block::MlpOrder() const { return hidden_ % kMlpGroup == 0 ? MlpColumns::kInterleaved : MlpColumns::kHalves; }

at::Tensor Block::OrderMlp(const at::Tensor& in_PW) const {
  return MlpOrder() == MlpColumns::kInterleaved ? InterleaveMlp(in_PW, hidden_) : in_PW;
}

bool Block::FusesSwiGlu(const at::Tensor& in_PW, int64_t tokens) const {
  return tokens > kShortTokens && HasQkvSwiGluKernel(in_PW, hidden_);
}

at::Tensor Block::FoldOutput(const BlockWeights& weights) {
  const at::Tensor out_WK = at::cat({weights.out_WW, weights.fc2_Wh}, 1);
  return out_WK.to(at::kFloat) * weights.gamma_W.to(at::kFloat).unsqueeze(1);
}

BlockScratch Block::MakeScratch(const AttentionLayout& attention) const {
  const int64_t tokens = attention.num_tokens();
  return {.qkv_T3HD = at::empty({tokens, 3, heads_, width_ / heads_}, norm_q_D_.options()),
          .out_TK = at::empty({tokens, width_ + hidden_}, norm_q_D_.options()),
          .rope = MakeRopeTable(attention.positions)};
}

BlockScratch Block::MakeFusedScratch(const AttentionLayout& attention, int64_t mlp_columns) const {
  const at::Tensor in_TP = at::empty({attention.num_tokens(), 3 * width_ + mlp_columns}, norm_q_D_.options());
  return {.qkv_T3HD = in_TP.narrow(1, 0, 3 * width_).unflatten(1, {3, heads_, width_ / heads_}), .in_TP = in_TP};
}

void Block::Finish(at::Tensor& x_TW, BlockScratch& scratch) {
  if (scratch.pending) x_TW.add_(scratch.branch_TW);
  scratch.pending = false;
}

void Block::Attend(const AttentionBatch& batch, const at::Tensor& attended_TW, BlockScratch& scratch) const {
  const at::Tensor q_THD = scratch.qkv_T3HD.select(1, 0);
  const at::Tensor k_THD = scratch.qkv_T3HD.select(1, 1);
  const at::Tensor v_THD = scratch.qkv_T3HD.select(1, 2);
  at::Tensor attended_THD = attended_TW.unflatten(1, {heads_, width_ / heads_});
  if (scratch.attention == nullptr) {
    scratch.attention = PrepareAttention(q_THD, k_THD, v_THD, batch, attended_THD);
    // Attention does not write the rows of tokens that belong to no image, but the next products read them, and a NaN
    // there would reach keys and values beside those of the last image.
    if (batch.max_image_tokens.has_value()) attended_THD.zero_();
  }
  scratch.attention->Run(q_THD, k_THD, v_THD, attended_THD);
}

}  // namespace vitok
