#include "core/ops/qk_norm_rope.h"

#include "core/ops/kernel_dispatch.h"
#include "core/ops/rms_norm.h"

namespace vitok {

void QkNormRopeReference(at::Tensor& qkv_T3HD, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                         const RopeTable& table) {
  at::Tensor q_THD = qkv_T3HD.select(1, 0);
  at::Tensor k_THD = qkv_T3HD.select(1, 1);
  q_THD.copy_(ApplyRope(RmsNormReference(q_THD, weight_q_D), table));
  k_THD.copy_(ApplyRope(RmsNormReference(k_THD, weight_k_D), table));
}

void QkNormRope(at::Tensor& qkv_T3HD, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                const RopeTable& table) {
  const int64_t head_dim = qkv_T3HD.size(3);
  const bool dense_rows = qkv_T3HD.stride(2) == head_dim && qkv_T3HD.stride(1) == qkv_T3HD.size(2) * head_dim;
  if (dense_rows && UseCpuKernel(qkv_T3HD)) return QkNormRopeCpu(qkv_T3HD, weight_q_D, weight_k_D, table);
  QkNormRopeReference(qkv_T3HD, weight_q_D, weight_k_D, table);
}

}  // namespace vitok
