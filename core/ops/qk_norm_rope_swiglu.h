// All that lies between a block's first product and its attention, in one pass over that product's result
// y [T, 3W + 2h] with columns queries | keys | values | MLP values | MLP gates:
//   queries and keys: QkNormRope (core/ops/qk_norm_rope.h), in place;  hidden = MLP values · silu(MLP gates)
// Computed in float32 and rounded once. With h = 0 only queries and keys are left to do: y [T, 3W].
#pragma once

#include <ATen/ATen.h>

#include "core/ops/quantize_rows.h"
#include "core/ops/rope2d.h"

namespace vitok {

// How MLP values and gates lie in y: one after the other, or in turns as InterleaveMlp (core/ops/qkv_swiglu.h) puts
// them.
enum class MlpColumns { kHalves, kInterleaved };

// y: float32 or bfloat16, any row stride. Norm weights [D] of y's dtype, D = W / heads. hidden [T, h], y's dtype or
// e4m3, rows with any stride; must not overlap y. Everything on one device. h is taken from hidden's shape.
void QkNormRopeSwiGlu(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                      const RopePositions& positions, at::Tensor& hidden_Th, MlpColumns columns = MlpColumns::kHalves);
// least_amax as for QuantizeRowsInto.
void QkNormRopeSwiGlu(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                      const RopePositions& positions, QuantizedRows& hidden, float least_amax = kLeastAmax,
                      MlpColumns columns = MlpColumns::kHalves);

// The definitions through QkNormRopeReference, SwiGluReference and QuantizeRowsReference.
void QkNormRopeSwiGluReference(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D,
                               const at::Tensor& weight_k_D, const RopePositions& positions, at::Tensor& hidden_Th,
                               MlpColumns columns = MlpColumns::kHalves);
void QkNormRopeSwiGluReference(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D,
                               const at::Tensor& weight_k_D, const RopePositions& positions, QuantizedRows& hidden,
                               float least_amax = kLeastAmax, MlpColumns columns = MlpColumns::kHalves);

// CUDA kernels. REQUIRES: UseCudaKernel(y), D a multiple of 4 and at most 8192.
void QkNormRopeSwiGluCuda(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                          const RopePositions& positions, at::Tensor& hidden_Th, MlpColumns columns);
void QkNormRopeSwiGluCuda(at::Tensor& y_TP, int64_t heads, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                          const RopePositions& positions, QuantizedRows& hidden, float least_amax, MlpColumns columns);

}  // namespace vitok
