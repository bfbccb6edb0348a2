#include "core/ops/short_block.h"

#include <vector>

#include "core/ops/qkv_swiglu.h"
#include "core/ops/residual_norm.h"
#include "core/ops/varlen_attention.h"

namespace vitok {

#ifndef VITOK_CUDA
bool HasShortBlockKernels(const ShortBlockWeights&, int64_t) { return false; }

void ShortBlock(const ShortBlockWeights&, const RopePositions&, const at::Tensor&, at::Tensor&, ShortBlockScratch&) {
  TORCH_CHECK(false, "a build without CUDA has no kernels for short blocks");
}
#endif

ShortBlockScratch ShortBlockScratch::For(int64_t tokens, const ShortBlockWeights& weights) {
  const int64_t width = weights.out_WK.size(0);
  return {.qkv_TQ = at::empty({tokens, 3 * width}, weights.out_WK.options()),
          .out_TK = at::empty({tokens, weights.out_WK.size(1)}, weights.out_WK.options())};
}

void ShortBlockReference(const ShortBlockWeights& weights, const RopePositions& positions, const at::Tensor& cu_I1,
                         at::Tensor& x_TW, ShortBlockScratch& scratch) {
  const int64_t width = x_TW.size(1), head_dim = weights.norm_q_D.size(0), heads = width / head_dim;
  at::Tensor h_TW = at::empty_like(x_TW);
  ResidualNormReference(x_TW, /*residual_TW=*/{}, h_TW);
  at::Tensor hidden_Th = scratch.out_TK.narrow(1, width, scratch.out_TK.size(1) - width);
  QkvSwiGluReference(h_TW, weights.in_PW, heads, weights.norm_q_D, weights.norm_k_D, positions, scratch.qkv_TQ,
                     hidden_Th);
  const at::Tensor cu = cu_I1.cpu();
  const std::vector<int64_t> offsets(cu.const_data_ptr<int32_t>(), cu.const_data_ptr<int32_t>() + cu.size(0));
  const int64_t tokens = offsets.back();
  const at::Tensor qkv_T3HD = scratch.qkv_TQ.narrow(0, 0, tokens).unflatten(1, {3, heads, head_dim});
  at::Tensor attended_TW = scratch.out_TK.narrow(1, 0, width).zero_();
  attended_TW.narrow(0, 0, tokens)
      .copy_(VarlenAttentionReference(qkv_T3HD.select(1, 0), qkv_T3HD.select(1, 1), qkv_T3HD.select(1, 2), offsets,
                                      /*window=*/{})
                 .flatten(1));
  x_TW.addmm_(scratch.out_TK, weights.out_WK.t());
}

}  // namespace vitok
