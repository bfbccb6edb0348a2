// The block for a GPU with its products in e4m3.
#pragma once

#include "core/model/block.h"
#include "core/ops/cuda_linear.h"

namespace vitok {

// As CudaBlock, with weights in e4m3 and a scale an output channel, and activations in e4m3 with a scale a token. The
// hidden state is quantised by QkNormRopeSwiGlu or, if FusesSwiGlu and W is at most 1024, on its own, since its scale
// takes the whole row.
//
// [attention | hidden] needs one scale a token, but the hidden state is known before attention is. So the scale is made
// from the hidden state and from a bound of the attention result that the weights alone give: that result is a mean of
// values v = w · h with |h| <= sqrt(W), so |v| <= |w| · sqrt(W). The hidden state is then quantised where it is written
// and attention in a pass of its own, a third of the bytes of quantising both afterwards. A bound well above the real
// amax costs nothing until values get below the normal range of e4m3, 2^-14.8 of the amax. A power of two folded into
// the values' rows and out of out_proj's columns brings the bound near the hidden state's expected amax.
//
// The same bound gives the scale of the values for attention in e4m3, which long images take (Fp8Attention).
//
// The result is left in scratch.branch_TW, for the next block's norm to add to x (BlockScratch::pending).
class CudaFp8Block final : public Block {
 public:
  // REQUIRES: on a GPU W a multiple of Fp8Linear::kAlignment.
  CudaFp8Block(const BlockWeights& weights, int64_t heads, Accumulation out_accumulation = Accumulation::kFast);

  BlockScratch MakeScratch(const AttentionLayout& attention) const override;
  void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const override;

 private:
  struct Folded;

  CudaFp8Block(const BlockWeights& weights, int64_t heads, Accumulation out_accumulation, const Folded& folded);

  at::Tensor MakeQkv8(const BlockScratch& scratch) const;
  // Attention of all heads from scratch.qkv_T3HD into scratch.out8, whose scales are there.
  void AttendQuantized(const AttentionBatch& batch, BlockScratch& scratch) const;

  Fp8Linear in_;
  Fp8Linear out_;
  float least_amax_;  // bound of the attention result
};

}  // namespace vitok
