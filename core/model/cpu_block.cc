#include "core/model/cpu_block.h"

#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"
#include "core/ops/token_chunks.h"

namespace vitok {

CpuBlock::CpuBlock(const BlockWeights& weights, int64_t heads)
    : Block(weights, heads),
      qkv_(weights.qkv_3WW * weights.norm1_W),
      fc1_(weights.fc1_2hW * weights.norm1_W),
      out_(FoldOutput(weights)) {}

void CpuBlock::ForwardIn(const at::Tensor& x_TW, const RopeTable& rope, BlockScratch& scratch, int64_t begin,
                         int64_t end) const {
  const int64_t tokens = end - begin;
  const at::Tensor chunk_TW = x_TW.narrow(0, begin, tokens);
  const at::Tensor scale_T = RmsScaleCpu(chunk_TW);

  at::Tensor qkv_T3HD = scratch.qkv_T3HD.narrow(0, begin, tokens);
  at::Tensor qkv_T3W = qkv_T3HD.view({tokens, 3 * width_});
  qkv_.Into(chunk_TW, scale_T, /*bias=*/{}, qkv_T3W);
  QkNormRope(qkv_T3HD, norm_q_D_, norm_k_D_,
             {rope.cos_TF.narrow(0, begin, tokens), rope.sin_TF.narrow(0, begin, tokens)});

  at::Tensor hidden_Th = scratch.out_TK.narrow(0, begin, tokens).narrow(1, width_, hidden_);
  fc1_.Into(chunk_TW, scale_T, hidden_Th);
}

void CpuBlock::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
  ForEachTokenChunk(x_TW, [&](int64_t begin, int64_t end) { ForwardIn(x_TW, scratch.rope, scratch, begin, end); });
  Attend(attention.batch, scratch.out_TK.narrow(1, 0, width_), scratch);
  ForEachTokenChunk(x_TW, [&](int64_t begin, int64_t end) {
    at::Tensor chunk_TW = x_TW.narrow(0, begin, end - begin);
    out_.AddTo(scratch.out_TK.narrow(0, begin, end - begin), chunk_TW);
  });
}

}  // namespace vitok
