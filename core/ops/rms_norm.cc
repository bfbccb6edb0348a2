#include "core/ops/rms_norm.h"

#include "core/ops/kernel_dispatch.h"

namespace vitok {

at::Tensor RmsNormReference(const at::Tensor& x, const at::Tensor& weight_W, double eps) {
  const at::Tensor x32 = x.to(at::kFloat);
  const at::Tensor scale = at::rsqrt(x32.square().mean(-1, /*keepdim=*/true) + eps);
  return (x32 * scale * weight_W.to(at::kFloat)).to(x.scalar_type());
}

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight_W, double eps) {
  if (x.dim() == 2 && UseCpuKernel(x) && UseCpuKernel(weight_W)) return RmsNormCpu(x, weight_W, eps);
  return RmsNormReference(x, weight_W, eps);
}

}  // namespace vitok
