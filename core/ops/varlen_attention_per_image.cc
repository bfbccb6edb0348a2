// Attention an image at a time, on any device: the fallback for what no fused kernel takes.
#include <algorithm>

#include "core/ops/attention_mask.h"
#include "core/ops/e4m3.h"
#include "core/ops/varlen_attention.h"

namespace vitok {
namespace {

// Queries taken at once under a sliding window: they see at most this many plus twice the window keys, so that the work
// grows with T · window and not with T².
constexpr int64_t kWindowQueryBlock = 256;

// [N, H, D] as the [1, H, N, D] that scaled_dot_product_attention takes; no copy.
at::Tensor AsHeads(const at::Tensor& x_NHD) { return x_NHD.transpose(0, 1).unsqueeze(0); }

void AttendInto(const at::Tensor& q_NHD, const at::Tensor& k_MHD, const at::Tensor& v_MHD,
                const std::optional<at::Tensor>& mask_NM, at::Tensor out_NHD) {
  const at::Tensor result = at::scaled_dot_product_attention(AsHeads(q_NHD), AsHeads(k_MHD), AsHeads(v_MHD), mask_NM);
  out_NHD.copy_(result.squeeze(0).transpose(0, 1));
}

}  // namespace

void VarlenAttentionIntoPerImage(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                                 const std::vector<int64_t>& offsets, std::optional<int64_t> window,
                                 at::Tensor& out_THD) {
  if (q_THD.scalar_type() == at::kFloat8_e4m3fn) {
    at::Tensor float_THD = at::empty(out_THD.sizes(), out_THD.options().dtype(at::kFloat));
    VarlenAttentionIntoPerImage(q_THD.to(at::kFloat), k_THD.to(at::kFloat), v_THD.to(at::kFloat), offsets, window,
                                float_THD);
    out_THD.copy_(float_THD.clamp_(-kE4m3Max, kE4m3Max));
    return;
  }
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const int64_t begin = offsets[i];
    const int64_t tokens = offsets[i + 1] - begin;
    if (tokens == 0) continue;
    if (!window.has_value() || *window >= tokens - 1) {
      AttendInto(q_THD.narrow(0, begin, tokens), k_THD.narrow(0, begin, tokens), v_THD.narrow(0, begin, tokens),
                 std::nullopt, out_THD.narrow(0, begin, tokens));
      continue;
    }
    for (int64_t first = 0; first < tokens; first += kWindowQueryBlock) {
      const int64_t queries = std::min(kWindowQueryBlock, tokens - first);
      const int64_t first_key = std::max<int64_t>(0, first - *window);
      const int64_t keys = std::min(tokens, first + queries + *window) - first_key;
      AttendInto(q_THD.narrow(0, begin + first, queries), k_THD.narrow(0, begin + first_key, keys),
                 v_THD.narrow(0, begin + first_key, keys),
                 BandMask(first, queries, first_key, keys, *window, q_THD.device()),
                 out_THD.narrow(0, begin + first, queries));
    }
  }
}

}  // namespace vitok
