#include "core/ops/quantize_qkv_cuda.h"

#include <algorithm>

#include "core/ops/launch_cuda.h"
#include "core/ops/quantize_qkv.h"

namespace vitok {
namespace {

// launch(images, index of the first, stream) for all images with tokens, as many at a time as a launch takes.
template <typename Launch>
void LaunchOnImages(const at::Tensor& x_TK, const std::vector<TokenRange>& images, const Launch& launch) {
  for (size_t first = 0; first < images.size(); first += LaunchedImages::kMost) {
    LaunchedImages launched{.count = static_cast<int>(std::min<size_t>(images.size() - first, LaunchedImages::kMost))};
    for (int i = 0; i < launched.count; ++i) {
      const TokenRange& image = images[first + i];
      TORCH_CHECK(image.first >= 0 && image.count >= 0 && image.first + image.count <= x_TK.size(0), "image of ",
                  image.count, " tokens at ", image.first, " of ", x_TK.size(0));
      launched.first_row[i] = static_cast<int32_t>(image.first);
      launched.rows[i] = static_cast<int32_t>(image.count);
    }
    LaunchOn(x_TK, [&](cudaStream_t stream) { return launch(launched, static_cast<int64_t>(first), stream); });
  }
}

const float* MeanOf(const at::Tensor& mean_IW, int64_t image) {
  return mean_IW.const_data_ptr<float>() + image * mean_IW.size(1);
}

void CheckMeans(const at::Tensor& mean_IW, const std::vector<TokenRange>& images, int64_t width) {
  CheckRows(mean_IW, at::kFloat, {static_cast<int64_t>(images.size()), width});
  TORCH_CHECK(mean_IW.is_contiguous(), "means must be contiguous");
}

}  // namespace

at::Tensor MeanValuesCuda(const at::Tensor& v_TW, const std::vector<TokenRange>& images) {
  CheckRows(v_TW, at::kBFloat16, v_TW.sizes());
  const int64_t width = v_TW.size(1);
  at::Tensor mean_IW = at::empty({static_cast<int64_t>(images.size()), width}, v_TW.options().dtype(at::kFloat));
  LaunchOnImages(v_TW, images, [&](const LaunchedImages& launched, int64_t first, cudaStream_t stream) {
    const MeanValuesArgs args{.images = launched,
                              .v = v_TW.const_data_ptr(),
                              .v_stride = v_TW.stride(0),
                              .mean = mean_IW.mutable_data_ptr<float>() + first * width,
                              .width = width};
    return LaunchMeanValues(args, stream);
  });
  return mean_IW;
}

void QuantizeQkvCuda(const at::Tensor& qkv_TQ, const std::vector<TokenRange>& images, const at::Tensor& mean_IW,
                     float value_scale, at::Tensor& qkv8_TQ) {
  TORCH_CHECK(qkv_TQ.dim() == 2 && qkv_TQ.size(1) % 3 == 0, "expected columns of queries, keys and values; got ",
              qkv_TQ.sizes());
  CheckRows(qkv_TQ, at::kBFloat16, qkv_TQ.sizes());
  CheckRows(qkv8_TQ, at::kFloat8_e4m3fn, qkv_TQ.sizes());
  CheckMeans(mean_IW, images, qkv_TQ.size(1) / 3);
  LaunchOnImages(qkv_TQ, images, [&](const LaunchedImages& launched, int64_t first, cudaStream_t stream) {
    const QuantizeQkvArgs args{.images = launched,
                               .qkv = qkv_TQ.const_data_ptr(),
                               .qkv_stride = qkv_TQ.stride(0),
                               .mean = MeanOf(mean_IW, first),
                               .out = qkv8_TQ.mutable_data_ptr(),
                               .out_stride = qkv8_TQ.stride(0),
                               .width = mean_IW.size(1),
                               .value_factor = 1.0f / value_scale};
    return LaunchQuantizeQkv(args, stream);
  });
}

void AddMeanValuesCuda(const std::vector<TokenRange>& images, const at::Tensor& mean_IW, float value_scale,
                       QuantizedRows& rows) {
  CheckRows(rows.values_TK, at::kFloat8_e4m3fn, rows.values_TK.sizes());
  CheckRows(rows.scale_T1, at::kFloat, {rows.values_TK.size(0), 1});
  TORCH_CHECK(rows.scale_T1.is_contiguous(), "scales must be contiguous");
  CheckMeans(mean_IW, images, rows.values_TK.size(1));
  LaunchOnImages(rows.values_TK, images, [&](const LaunchedImages& launched, int64_t first, cudaStream_t stream) {
    const AddMeanValuesArgs args{.images = launched,
                                 .mean = MeanOf(mean_IW, first),
                                 .values = rows.values_TK.mutable_data_ptr(),
                                 .stride = rows.values_TK.stride(0),
                                 .scale = rows.scale_T1.const_data_ptr<float>(),
                                 .width = mean_IW.size(1),
                                 .value_scale = value_scale};
    return LaunchAddMeanValues(args, stream);
  });
}

}  // namespace vitok
