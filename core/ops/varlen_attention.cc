#include "core/ops/varlen_attention.h"

#include <algorithm>
#include <cmath>

#include "core/ops/kernel_dispatch.h"

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

// True where query `first_query + i` may see key `first_key + j`.
at::Tensor BandMask(int64_t first_query, int64_t queries, int64_t first_key, int64_t keys, int64_t window,
                    at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  const at::Tensor query_N1 = at::arange(first_query, first_query + queries, options).unsqueeze(1);
  const at::Tensor key_1M = at::arange(first_key, first_key + keys, options).unsqueeze(0);
  return (query_N1 - key_1M).abs() <= window;
}

}  // namespace

void VarlenAttentionInto(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                         const std::vector<int64_t>& offsets, std::optional<int64_t> window, at::Tensor& out_THD) {
  if (UseCpuKernel(q_THD) && UseCpuKernel(k_THD) && UseCpuKernel(v_THD) && UseCpuKernel(out_THD)) {
    return VarlenAttentionIntoCpu(q_THD, k_THD, v_THD, offsets, window, out_THD);
  }
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const int64_t begin = offsets[i];
    const int64_t tokens = offsets[i + 1] - begin;
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

at::Tensor VarlenAttentionReference(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                                    const std::vector<int64_t>& offsets, std::optional<int64_t> window) {
  const int64_t tokens = q_THD.size(0);
  const int64_t unlimited = tokens;
  at::Tensor allowed_TT = at::zeros({tokens, tokens}, q_THD.options().dtype(at::kBool));
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const int64_t count = offsets[i + 1] - offsets[i];
    allowed_TT.narrow(0, offsets[i], count)
        .narrow(1, offsets[i], count)
        .copy_(BandMask(0, count, 0, count, window.value_or(unlimited), q_THD.device()));
  }
  const at::Tensor q_HTD = q_THD.transpose(0, 1).to(at::kFloat);
  const at::Tensor k_HTD = k_THD.transpose(0, 1).to(at::kFloat);
  const at::Tensor v_HTD = v_THD.transpose(0, 1).to(at::kFloat);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q_THD.size(2)));
  const at::Tensor scores_HTT = at::matmul(q_HTD, k_HTD.transpose(1, 2)) * scale;
  const at::Tensor weights_HTT = at::softmax(scores_HTT.masked_fill(~allowed_TT, -INFINITY), -1);
  return at::matmul(weights_HTT, v_HTD).transpose(0, 1).to(q_THD.scalar_type());
}

}  // namespace vitok
