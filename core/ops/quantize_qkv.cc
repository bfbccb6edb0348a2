#include "core/ops/quantize_qkv.h"

#include "core/ops/e4m3.h"
#include "core/ops/kernel_dispatch.h"

namespace vitok {

void QuantizeQkvReference(const at::Tensor& qkv_TQ, float value_scale, at::Tensor& qkv8_TQ) {
  at::Tensor scaled_TQ = qkv_TQ.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
  const int64_t width = qkv_TQ.size(1) / 3;
  scaled_TQ.narrow(1, 2 * width, width).mul_(1.0f / value_scale);
  qkv8_TQ.copy_(scaled_TQ.clamp_(-kE4m3Max, kE4m3Max));
}

void QuantizeQkv(const at::Tensor& qkv_TQ, float value_scale, at::Tensor& qkv8_TQ) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(qkv_TQ)) return QuantizeQkvCuda(qkv_TQ, value_scale, qkv8_TQ);
#endif
  QuantizeQkvReference(qkv_TQ, value_scale, qkv8_TQ);
}

}  // namespace vitok
