#include "core/model/cuda_block.h"

#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/residual_norm.h"

namespace vitok {

CudaBlock::CudaBlock(const BlockWeights& weights, int64_t heads)
    : Block(weights, heads),
      in_PW_(FoldInput(weights)),
      mlp_columns_(hidden_ % kMlpGroup == 0 ? MlpColumns::kInterleaved : MlpColumns::kHalves),
      out_(FoldOutput(weights)) {
  if (mlp_columns_ == MlpColumns::kInterleaved) in_PW_ = InterleaveMlp(in_PW_, hidden_);
  in_PW_ = in_PW_.to(at::kBFloat16).contiguous();
  has_kernel_ = mlp_columns_ == MlpColumns::kInterleaved && HasQkvSwiGluKernel(in_PW_, hidden_);
}

bool CudaBlock::FusesSwiGlu(int64_t tokens) const { return has_kernel_ && tokens > kShortTokens; }

BlockScratch CudaBlock::MakeScratch(const AttentionLayout& attention) const {
  const int64_t tokens = attention.num_tokens();
  BlockScratch scratch = MakeFusedScratch(attention, FusesSwiGlu(tokens) ? 0 : 2 * hidden_);
  scratch.h_TW = at::empty({tokens, width_}, scratch.in_TP.options());
  scratch.out_TK = at::empty({tokens, width_ + hidden_}, scratch.in_TP.options());
  return scratch;
}

void CudaBlock::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
  ResidualNormInto(x_TW, /*residual_TW=*/{}, scratch.h_TW);
  at::Tensor hidden_Th = scratch.out_TK.narrow(1, width_, hidden_);
  if (FusesSwiGlu(attention.num_tokens())) {
    QkvSwiGlu(scratch.h_TW, in_PW_, scratch.in_TP, hidden_Th);
    at::Tensor no_hidden = hidden_Th.narrow(1, 0, 0);
    QkNormRopeSwiGlu(scratch.in_TP, heads_, norm_q_D_, norm_k_D_, attention.positions, no_hidden);
  } else {
    at::mm_out(scratch.in_TP, scratch.h_TW, in_PW_.t());
    QkNormRopeSwiGlu(scratch.in_TP, heads_, norm_q_D_, norm_k_D_, attention.positions, hidden_Th, mlp_columns_);
  }
  Attend(attention, scratch.out_TK.narrow(1, 0, width_), scratch);
  out_.AddTo(scratch.out_TK, x_TW);
}

}  // namespace vitok
