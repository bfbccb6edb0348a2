#include "core/ops/quantize_qkv.h"

#include "core/ops/e4m3.h"
#include "core/ops/kernel_dispatch.h"
#include "core/ops/mean_samples.h"

namespace vitok {
namespace {

at::Tensor RowsOf(const at::Tensor& x_TK, TokenRange image) { return x_TK.narrow(0, image.first, image.count); }

}  // namespace

at::Tensor MeanValuesReference(const at::Tensor& v_TW, const std::vector<TokenRange>& images) {
  at::Tensor mean_IW = at::zeros({static_cast<int64_t>(images.size()), v_TW.size(1)}, v_TW.options().dtype(at::kFloat));
  for (size_t i = 0; i < images.size(); ++i) {
    if (images[i].count == 0) continue;
    std::vector<int64_t> tokens(kMeanSamples);
    for (int64_t k = 0; k < kMeanSamples; ++k) tokens[k] = images[i].first + SampledToken(k, images[i].count);
    const at::Tensor samples = v_TW.index_select(0, at::tensor(tokens, at::kLong).to(v_TW.device()));
    mean_IW[static_cast<int64_t>(i)].copy_(samples.to(at::kFloat).mean(0));
  }
  return mean_IW;
}

void QuantizeQkvReference(const at::Tensor& qkv_TQ, const std::vector<TokenRange>& images, const at::Tensor& mean_IW,
                          float value_scale, at::Tensor& qkv8_TQ) {
  const int64_t width = qkv_TQ.size(1) / 3;
  for (size_t i = 0; i < images.size(); ++i) {
    at::Tensor scaled_TQ = RowsOf(qkv_TQ, images[i]).to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    scaled_TQ.narrow(1, 2 * width, width).sub_(mean_IW[static_cast<int64_t>(i)]).mul_(1.0f / value_scale);
    RowsOf(qkv8_TQ, images[i]).copy_(scaled_TQ.clamp_(-kE4m3Max, kE4m3Max));
  }
}

void AddMeanValuesReference(const std::vector<TokenRange>& images, const at::Tensor& mean_IW, float value_scale,
                            QuantizedRows& rows) {
  for (size_t i = 0; i < images.size(); ++i) {
    QuantizedRows image = rows.Narrow(images[i].first, images[i].count);
    QuantizeRowsByReference(image.values_TK.to(at::kFloat) * value_scale + mean_IW[static_cast<int64_t>(i)], image);
  }
}

at::Tensor MeanValues(const at::Tensor& v_TW, const std::vector<TokenRange>& images) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(v_TW)) return MeanValuesCuda(v_TW, images);
#endif
  return MeanValuesReference(v_TW, images);
}

void QuantizeQkv(const at::Tensor& qkv_TQ, const std::vector<TokenRange>& images, const at::Tensor& mean_IW,
                 float value_scale, at::Tensor& qkv8_TQ) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(qkv_TQ)) return QuantizeQkvCuda(qkv_TQ, images, mean_IW, value_scale, qkv8_TQ);
#endif
  QuantizeQkvReference(qkv_TQ, images, mean_IW, value_scale, qkv8_TQ);
}

void AddMeanValues(const std::vector<TokenRange>& images, const at::Tensor& mean_IW, float value_scale,
                   QuantizedRows& rows) {
#ifdef VITOK_CUDA
  if (rows.values_TK.is_cuda()) return AddMeanValuesCuda(images, mean_IW, value_scale, rows);
#endif
  AddMeanValuesReference(images, mean_IW, value_scale, rows);
}

}  // namespace vitok
