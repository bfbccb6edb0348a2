#include "core/model/cuda_fp8_block.h"

#include <cmath>

#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/quantize_rows.h"
#include "core/ops/residual_norm.h"

namespace vitok {
namespace {

// amax of a hidden state, in units of its root mean square, that the attention bound is brought to. Not critical.
constexpr double kHiddenPeak = 20;
// Beyond it cuBLAS's first product is ahead of QkvSwiGlu by more than the saved bytes are worth.
constexpr int64_t kWidestFused = 1024;
// The norm's result and the weights are rounded to e4m3, which can make each value of theirs larger by 1/16.
constexpr double kRoundingMargin = 17.0 / 16 * 17 / 16;

}  // namespace

// The weights of both products, and the bound of attention with them.
struct CudaFp8Block::Folded {
  at::Tensor in_PW;
  at::Tensor out_WK;
  double attention_bound;

  explicit Folded(const BlockWeights& weights) : in_PW(FoldInput(weights)), out_WK(FoldOutput(weights)) {
    const int64_t width = weights.norm1_W.size(0);
    const int64_t hidden = weights.fc2_Wh.size(1);
    const auto norms = [&](int64_t begin, int64_t count) { return in_PW.narrow(0, begin, count).norm(2, {1}); };
    const double bound = norms(2 * width, width).max().item<double>() * std::sqrt(static_cast<double>(width));
    // h is about standard normal, so values and gates have their weights' norms as standard deviation; silu halves.
    const double hidden_rms = (norms(3 * width, hidden) * norms(3 * width + hidden, hidden)).mean().item<double>() / 2;
    const double wanted = kHiddenPeak * hidden_rms;
    const double factor = bound > 0 && wanted > 0 ? std::exp2(std::round(std::log2(wanted / bound))) : 1.0;
    in_PW.narrow(0, 2 * width, width).mul_(factor);
    out_WK.narrow(1, 0, width).div_(factor);
    attention_bound = std::max(bound * factor * kRoundingMargin, double{kLeastAmax});
  }
};

CudaFp8Block::CudaFp8Block(const BlockWeights& weights, int64_t heads, Accumulation out_accumulation)
    : CudaFp8Block(weights, heads, out_accumulation, Folded(weights)) {}

CudaFp8Block::CudaFp8Block(const BlockWeights& weights, int64_t heads, Accumulation out_accumulation,
                           const Folded& folded)
    : Block(weights, heads),
      in_(OrderMlp(folded.in_PW), Accumulation::kFast),
      out_(folded.out_WK, out_accumulation),
      least_amax_(static_cast<float>(folded.attention_bound)) {}

BlockScratch CudaFp8Block::MakeScratch(const AttentionLayout& attention) const {
  const int64_t tokens = attention.num_tokens();
  const bool fuses_swiglu = width_ <= kWidestFused && FusesSwiGlu(in_.weight().values_TK, tokens);
  BlockScratch scratch = MakeFusedScratch(attention, fuses_swiglu ? 0 : 2 * hidden_);
  if (fuses_swiglu) scratch.hidden_Th = at::empty({tokens, hidden_}, scratch.in_TP.options());
  const at::Device device = scratch.in_TP.device();
  scratch.h8 = QuantizedRows::Empty(tokens, width_, device);
  scratch.out8 = QuantizedRows::Empty(tokens, width_ + hidden_, device);
  scratch.branch_TW = at::empty({tokens, width_}, scratch.in_TP.options());
  scratch.qkv8_T3HD = MakeQkv8(scratch);
  return scratch;
}

at::Tensor CudaFp8Block::MakeQkv8(const BlockScratch& scratch) const {
  // The hidden state and what it is made of are in e4m3 elsewhere by then. Rows without a gap are better: those of
  // other lengths begin inside a line of the cache, which then holds fewer keys.
  const at::Tensor& in_TP = scratch.in_TP;
  const at::ScalarType e4m3 = at::kFloat8_e4m3fn;
  const int64_t tokens = in_TP.size(0), columns = 3 * width_;
  at::Tensor qkv8_TQ;
  if (scratch.hidden_Th.defined() && 2 * hidden_ >= columns) {
    qkv8_TQ = scratch.hidden_Th.view(e4m3).flatten().narrow(0, 0, tokens * columns).view({tokens, columns});
  } else if (2 * (in_TP.size(1) - columns) >= columns) {
    qkv8_TQ = in_TP.slice(1, columns).view(e4m3).narrow(1, 0, columns);
  } else {
    qkv8_TQ = at::empty({tokens, columns}, in_TP.options().dtype(e4m3));
  }
  return qkv8_TQ.unflatten(1, {3, heads_, width_ / heads_});
}

void CudaFp8Block::Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const {
  ResidualNormInto(x_TW, scratch.pending ? scratch.branch_TW : at::Tensor(), scratch.h8);
  QuantizedRows hidden{scratch.out8.values_TK.narrow(1, width_, hidden_), scratch.out8.scale_T1};
  if (scratch.hidden_Th.defined()) {
    QkvSwiGlu(scratch.h8, in_.weight(), heads_, norm_q_D_, norm_k_D_, attention.positions, scratch.in_TP,
              scratch.hidden_Th);
    QuantizeRowsInto(scratch.hidden_Th, hidden, least_amax_);
  } else {
    in_.Into(scratch.h8, scratch.in_TP);
    QkNormRopeSwiGlu(scratch.in_TP, heads_, norm_q_D_, norm_k_D_, attention.positions, hidden, least_amax_, MlpOrder());
  }
  AttendQuantized(attention.batch, scratch);
  out_.Into(scratch.out8, scratch.branch_TW);
  scratch.pending = true;
}

void CudaFp8Block::AttendQuantized(const AttentionBatch& batch, BlockScratch& scratch) const {
  QuantizedRows attended{scratch.out8.values_TK.narrow(1, 0, width_), scratch.out8.scale_T1};
  if (scratch.fp8_attention == nullptr) {
    scratch.fp8_attention = std::make_unique<Fp8Attention>(batch, scratch.qkv_T3HD, scratch.qkv8_T3HD, attended);
  }
  const Fp8Attention& long_images = *scratch.fp8_attention;
  long_images.Run(scratch.qkv_T3HD, scratch.qkv8_T3HD, least_amax_, attended);
  if (long_images.other_tokens().empty()) return;
  Attend(long_images.others(), scratch.branch_TW, scratch);  // free: its last contents are in x
  for (const auto& [first, count] : long_images.other_tokens()) {
    QuantizedRows rows = attended.Narrow(first, count);
    QuantizeRowsBy(scratch.branch_TW.narrow(0, first, count), rows);
  }
}

}  // namespace vitok
