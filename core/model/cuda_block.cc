#include "core/model/cuda_block.h"

#include <vector>

#include "core/ops/attention_stats.h"
#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/residual_norm.h"
#include "core/ops/short_block.h"

namespace vitok {

CudaBlock::CudaBlock(const BlockWeights& weights, int64_t heads)
    : Block(weights, heads), in_(OrderMlp(FoldInput(weights))), out_(FoldOutput(weights)) {}

ShortBlockWeights CudaBlock::ShortWeights() const { return {in_.weight(), norm_q_D_, norm_k_D_, out_.weight()}; }

bool CudaBlock::IsShort(const AttentionLayout& attention) const {
  const int64_t tokens = attention.num_tokens();
  return attention.batch.window.value_or(tokens) >= tokens - 1 && HasShortBlockKernels(ShortWeights(), tokens);
}

BlockScratch CudaBlock::MakeScratch(const AttentionLayout& attention) const {
  const int64_t tokens = attention.num_tokens();
  if (IsShort(attention)) {
    const std::vector<int32_t> offsets(attention.batch.offsets.begin(), attention.batch.offsets.end());
    BlockScratch scratch;
    scratch.short_block = ShortBlockScratch::For(tokens, ShortWeights());
    scratch.cu_I1 =
        attention.batch.cu_I1.defined() ? attention.batch.cu_I1 : at::tensor(offsets, at::kInt).to(norm_q_D_.device());
    return scratch;
  }
  BlockScratch scratch = MakeFusedScratch(attention, FusesSwiGlu(in_.weight(), tokens) ? 0 : 2 * hidden_);
  scratch.h_TW = at::empty({tokens, width_}, scratch.in_TP.options());
  scratch.out_TK = at::empty({tokens, width_ + hidden_}, scratch.in_TP.options());
  return scratch;
}

void CudaBlock::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
  if (scratch.short_block.has_value()) {
    if (!scratch.short_block->squared) CountAttentionPass(AttentionPath::kShort);
    return ShortBlock(ShortWeights(), attention.positions, scratch.cu_I1, x_TW, *scratch.short_block);
  }
  ResidualNormInto(x_TW, /*residual_TW=*/{}, scratch.h_TW);
  at::Tensor hidden_Th = scratch.out_TK.narrow(1, width_, hidden_);
  if (FusesSwiGlu(in_.weight(), attention.num_tokens())) {
    QkvSwiGlu(scratch.h_TW, in_.weight(), heads_, norm_q_D_, norm_k_D_, attention.positions, scratch.in_TP, hidden_Th);
  } else {
    in_.Into(scratch.h_TW, scratch.in_TP);
    QkNormRopeSwiGlu(scratch.in_TP, heads_, norm_q_D_, norm_k_D_, attention.positions, hidden_Th, MlpOrder());
  }
  Attend(attention.batch, scratch.out_TK.narrow(1, 0, width_), scratch);
  out_.AddTo(scratch.out_TK, x_TW);
}

}  // namespace vitok
