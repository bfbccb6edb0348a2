#include "core/ops/qk_norm_rope_swiglu.h"

#include "core/ops/kernel_dispatch.h"
#include "core/ops/qk_norm_rope.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/swiglu.h"

namespace vitok {
namespace {

// Queries and keys in place; returns the hidden state.
at::Tensor Apply(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                 const RopePositions& positions, int64_t hidden, MlpColumns columns) {
  const int64_t head_dim = weight_q_D.size(0);
  const int64_t qkv = 3 * heads * head_dim;
  at::Tensor qkv_T3HD = y_TP.narrow(1, 0, qkv).unflatten(1, {3, heads, head_dim});
  QkNormRopeReference(qkv_T3HD, weight_q_D, weight_k_D, MakeRopeTable(positions));
  const at::Tensor mlp_T2h = y_TP.narrow(1, qkv, 2 * hidden);
  return columns == MlpColumns::kHalves ? SwiGluReference(mlp_T2h) : InterleavedSwiGluReference(mlp_T2h);
}

}  // namespace

void QkNormRopeSwiGluReference(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D,
                               const at::Tensor& weight_k_D, const RopePositions& positions, at::Tensor& hidden_Th,
                               MlpColumns columns) {
  hidden_Th.copy_(Apply(y_TP, heads, weight_q_D, weight_k_D, positions, hidden_Th.size(1), columns));
}

void QkNormRopeSwiGluReference(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D,
                               const at::Tensor& weight_k_D, const RopePositions& positions, QuantizedRows& hidden,
                               float least_amax, MlpColumns columns) {
  QuantizeRowsReference(Apply(y_TP, heads, weight_q_D, weight_k_D, positions, hidden.values_TK.size(1), columns),
                        hidden, least_amax);
}

void QkNormRopeSwiGlu(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                      const RopePositions& positions, at::Tensor& hidden_Th, MlpColumns columns) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(y_TP))
    return QkNormRopeSwiGluCuda(y_TP, heads, weight_q_D, weight_k_D, positions, hidden_Th, columns);
#endif
  QkNormRopeSwiGluReference(y_TP, heads, weight_q_D, weight_k_D, positions, hidden_Th, columns);
}

void QkNormRopeSwiGlu(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                      const RopePositions& positions, QuantizedRows& hidden, float least_amax, MlpColumns columns) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(y_TP)) {
    return QkNormRopeSwiGluCuda(y_TP, heads, weight_q_D, weight_k_D, positions, hidden, least_amax, columns);
  }
#endif
  QkNormRopeSwiGluReference(y_TP, heads, weight_q_D, weight_k_D, positions, hidden, least_amax, columns);
}

}  // namespace vitok
