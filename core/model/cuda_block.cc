#include "core/model/cuda_block.h"

#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/residual_norm.h"

namespace vitok {

CudaBlock::CudaBlock(const BlockWeights& weights, int64_t heads)
    : Block(weights, heads), in_(OrderMlp(FoldInput(weights))), out_(FoldOutput(weights)) {}

BlockScratch CudaBlock::MakeScratch(const AttentionLayout& attention) const {
  const int64_t tokens = attention.num_tokens();
  BlockScratch scratch = MakeFusedScratch(attention, FusesSwiGlu(in_.weight(), tokens) ? 0 : 2 * hidden_);
  scratch.h_TW = at::empty({tokens, width_}, scratch.in_TP.options());
  scratch.out_TK = at::empty({tokens, width_ + hidden_}, scratch.in_TP.options());
  return scratch;
}

void CudaBlock::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
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
