#include "core/ops/residual_norm_cuda.h"

#include "core/ops/launch_cuda.h"
#include "core/ops/residual_norm.h"
#include "core/ops/rms_norm.h"

namespace vitok {
namespace {

// `scale`: null for a result in bfloat16.
void Run(at::Tensor& x_TW, const at::Tensor& residual_TW, at::Tensor& out_TW, float* scale) {
  if (x_TW.numel() == 0) return;
  if (residual_TW.defined()) CheckRows(residual_TW, at::kBFloat16, x_TW.sizes());
  const ResidualNormArgs args{.x = x_TW.mutable_data_ptr(),
                              .x_stride = x_TW.stride(0),
                              .residual = residual_TW.defined() ? residual_TW.const_data_ptr() : nullptr,
                              .residual_stride = residual_TW.defined() ? residual_TW.stride(0) : 0,
                              .out = out_TW.mutable_data_ptr(),
                              .out_stride = out_TW.stride(0),
                              .scale = scale,
                              .rows = x_TW.size(0),
                              .width = x_TW.size(1),
                              .eps = static_cast<float>(kNormEps)};
  LaunchOn(x_TW, [&](cudaStream_t stream) { return LaunchResidualNorm(args, stream); });
}

}  // namespace

void ResidualNormCuda(at::Tensor& x_TW, const at::Tensor& residual_TW, at::Tensor& h_TW) {
  CheckRows(h_TW, at::kBFloat16, x_TW.sizes());
  Run(x_TW, residual_TW, h_TW, nullptr);
}

void ResidualNormCuda(at::Tensor& x_TW, const at::Tensor& residual_TW, QuantizedRows& h) {
  CheckRows(h.values_TK, at::kFloat8_e4m3fn, x_TW.sizes());
  CheckRows(h.scale_T1, at::kFloat, {x_TW.size(0), 1});
  TORCH_CHECK(h.scale_T1.is_contiguous(), "scales must be contiguous");
  Run(x_TW, residual_TW, h.values_TK, h.scale_T1.mutable_data_ptr<float>());
}

}  // namespace vitok
