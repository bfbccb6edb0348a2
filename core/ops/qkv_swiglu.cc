#include "core/ops/qkv_swiglu.h"

#include "core/ops/qk_norm_rope.h"
#include "core/ops/swiglu.h"

namespace vitok {
namespace {

#ifdef VITOK_CUDA
bool TakesKernel(const at::Tensor& x_TK, const at::Tensor& weight_PK, const at::Tensor& qkv_TQ,
                 const at::Tensor& hidden_Th) {
  const auto starts_on_16_bytes = [](const at::Tensor& rows) {
    return reinterpret_cast<uintptr_t>(rows.const_data_ptr()) % 16 == 0 &&
           rows.stride(0) * rows.element_size() % 16 == 0;
  };
  return HasQkvSwiGluKernel(weight_PK, hidden_Th.size(1)) && qkv_TQ.scalar_type() == at::kBFloat16 &&
         hidden_Th.scalar_type() == at::kBFloat16 && starts_on_16_bytes(x_TK) && starts_on_16_bytes(qkv_TQ) &&
         starts_on_16_bytes(hidden_Th);
}
#endif

}  // namespace

#ifndef VITOK_CUDA
bool HasQkvSwiGluKernel(const at::Tensor&, int64_t) { return false; }
#endif

at::Tensor InterleaveMlp(const at::Tensor& weight_PK, int64_t hidden) {
  const int64_t rest = weight_PK.size(0) - 2 * hidden;
  const at::Tensor halves = weight_PK.narrow(0, rest, 2 * hidden).reshape({2, hidden / kMlpGroup, kMlpGroup, -1});
  return at::cat({weight_PK.narrow(0, 0, rest), halves.transpose(0, 1).flatten(0, 2)}, 0);
}

at::Tensor InterleavedSwiGluReference(const at::Tensor& y_T2h) {
  return SwiGluReference(y_T2h.unflatten(1, {-1, 2, kMlpGroup}).transpose(1, 2).flatten(1));
}

void QkvSwiGluReference(const at::Tensor& x_TK, const at::Tensor& weight_PK, int64_t heads, const at::Tensor& norm_q_D,
                        const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ,
                        at::Tensor& hidden_Th) {
  at::Tensor y_TP = at::linear(x_TK, weight_PK);
  at::Tensor y_TQ = y_TP.narrow(1, 0, qkv_TQ.size(1));
  at::Tensor y_T3HD = y_TQ.unflatten(1, {3, heads, norm_q_D.size(0)});
  QkNormRopeReference(y_T3HD, norm_q_D, norm_k_D, MakeRopeTable(positions));
  qkv_TQ.copy_(y_TQ);
  hidden_Th.copy_(InterleavedSwiGluReference(y_TP.narrow(1, qkv_TQ.size(1), 2 * hidden_Th.size(1))));
}

void QkvSwiGlu(const at::Tensor& x_TK, const at::Tensor& weight_PK, int64_t heads, const at::Tensor& norm_q_D,
               const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ, at::Tensor& hidden_Th) {
#ifdef VITOK_CUDA
  if (TakesKernel(x_TK, weight_PK, qkv_TQ, hidden_Th)) {
    return QkvSwiGluCuda(x_TK, weight_PK, heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
  }
#endif
  QkvSwiGluReference(x_TK, weight_PK, heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
}

void QkvSwiGlu(const QuantizedRows& x, const QuantizedRows& weight, int64_t heads, const at::Tensor& norm_q_D,
               const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ, at::Tensor& hidden_Th) {
#ifdef VITOK_CUDA
  if (TakesKernel(x.values_TK, weight.values_TK, qkv_TQ, hidden_Th)) {
    return QkvSwiGluCuda(x, weight, heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
  }
#endif
  QkvSwiGluReference(x.Dequantize(), weight.Dequantize(), heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
}

}  // namespace vitok
