#include "core/ops/residual_norm.h"

#include "core/ops/kernel_dispatch.h"
#include "core/ops/rms_norm.h"

namespace vitok {
namespace {

// h in float32.
at::Tensor AddAndNorm(at::Tensor& x_TW, const at::Tensor& residual_TW) {
  if (residual_TW.defined()) x_TW.add_(residual_TW);
  const at::Tensor x32_TW = x_TW.to(at::kFloat);
  return x32_TW * at::rsqrt(x32_TW.square().mean(1, /*keepdim=*/true) + kNormEps);
}

}  // namespace

void ResidualNormReference(at::Tensor& x_TW, const at::Tensor& residual_TW, at::Tensor& h_TW) {
  h_TW.copy_(AddAndNorm(x_TW, residual_TW));
}

void ResidualNormReference(at::Tensor& x_TW, const at::Tensor& residual_TW, QuantizedRows& h) {
  QuantizeRowsReference(AddAndNorm(x_TW, residual_TW), h);
}

void ResidualNormInto(at::Tensor& x_TW, const at::Tensor& residual_TW, at::Tensor& h_TW) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(x_TW)) return ResidualNormCuda(x_TW, residual_TW, h_TW);
#endif
  ResidualNormReference(x_TW, residual_TW, h_TW);
}

void ResidualNormInto(at::Tensor& x_TW, const at::Tensor& residual_TW, QuantizedRows& h) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(x_TW)) return ResidualNormCuda(x_TW, residual_TW, h);
#endif
  ResidualNormReference(x_TW, residual_TW, h);
}

}  // namespace vitok
