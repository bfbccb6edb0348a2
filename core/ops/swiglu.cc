#include "core/ops/swiglu.h"

#include "core/ops/kernel_dispatch.h"

namespace vitok {

at::Tensor SwiGluReference(const at::Tensor& x_T2h) {
  const std::vector<at::Tensor> halves = x_T2h.chunk(2, -1);
  return at::silu(halves[1]) * halves[0];
}

at::Tensor SwiGlu(const at::Tensor& x_T2h) {
  if (x_T2h.dim() != 2 || !UseCpuKernel(x_T2h)) return SwiGluReference(x_T2h);
  at::Tensor out_Th = at::empty({x_T2h.size(0), x_T2h.size(1) / 2}, x_T2h.options());
  SwiGluIntoCpu(x_T2h, out_Th);
  return out_Th;
}

void SwiGluInto(const at::Tensor& x_T2h, at::Tensor& out_Th) {
  if (UseCpuKernel(x_T2h) && UseCpuKernel(out_Th)) return SwiGluIntoCpu(x_T2h, out_Th);
  out_Th.copy_(SwiGluReference(x_T2h));
}

}  // namespace vitok
