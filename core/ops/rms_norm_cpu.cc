// RMSNorm in one pass over each row while it is in the L1 cache; eager ATen makes five passes over memory.
#include <ATen/Parallel.h>

#include <cmath>

#include "core/ops/float_rows.h"
#include "core/ops/kernel_dispatch.h"
#include "core/ops/rms_norm.h"

namespace vitok {
namespace {

template <typename T>
__attribute__((always_inline)) inline float RowScale(const T* x, int64_t width, float eps) {
  float sum = 0;
  for (int64_t i = 0; i < width; ++i) {
    const float value = LoadFloat(x + i);
    sum += value * value;
  }
  return 1.0f / std::sqrt(sum / static_cast<float>(width) + eps);
}

template <typename T>
__attribute__((always_inline)) inline void NormRow(const T* x, const float* weight, int64_t width, float eps, T* y) {
  const float scale = RowScale(x, width, eps);
  for (int64_t i = 0; i < width; ++i) StoreFloat(LoadFloat(x + i) * scale * weight[i], y + i);
}

VITOK_MULTIVERSION void NormRowFloat(const float* x, const float* weight, int64_t width, float eps, float* y) {
  NormRow(x, weight, width, eps, y);
}

VITOK_MULTIVERSION void NormRowBfloat16(const c10::BFloat16* x, const float* weight, int64_t width, float eps,
                                        c10::BFloat16* y) {
  NormRow(x, weight, width, eps, y);
}

VITOK_MULTIVERSION float RowScaleFloat(const float* x, int64_t width, float eps) { return RowScale(x, width, eps); }

}  // namespace

at::Tensor RmsScaleCpu(const at::Tensor& x_TW, double eps) {
  at::Tensor scale_T = at::empty({x_TW.size(0)}, x_TW.options());
  const float* const x = x_TW.const_data_ptr<float>();
  float* const scale = scale_T.data_ptr<float>();
  for (int64_t t = 0; t < x_TW.size(0); ++t) {
    scale[t] = RowScaleFloat(x + t * x_TW.stride(0), x_TW.size(1), static_cast<float>(eps));
  }
  return scale_T;
}

at::Tensor RmsNormCpu(const at::Tensor& x_TW, const at::Tensor& weight_W, double eps) {
  const int64_t rows = x_TW.size(0);
  const int64_t width = x_TW.size(1);
  const int64_t stride = x_TW.stride(0);
  at::Tensor y_TW = at::empty({rows, width}, x_TW.options());
  const at::Tensor weight32_W = weight_W.to(at::kFloat);
  const float* weight = weight32_W.const_data_ptr<float>();
  const auto run = [&](auto* norm_row, const auto* x, auto* y) {
    at::parallel_for(0, rows, RowGrain(width), [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        norm_row(x + t * stride, weight, width, static_cast<float>(eps), y + t * width);
      }
    });
  };
  if (x_TW.scalar_type() == at::kFloat) {
    run(&NormRowFloat, x_TW.const_data_ptr<float>(), y_TW.data_ptr<float>());
  } else {
    run(&NormRowBfloat16, x_TW.const_data_ptr<c10::BFloat16>(), y_TW.data_ptr<c10::BFloat16>());
  }
  return y_TW;
}

}  // namespace vitok
