// RMSNorm of each query and key head followed by 2-D RoPE: q = rope(rms_norm(q, w_q)), k = rope(rms_norm(k, w_k)).
// One op because both are short passes over the same values, between two large matrix products.
#pragma once

#include <ATen/ATen.h>

#include "core/ops/rope2d.h"

namespace vitok {

// Changes qkv_T3HD in place: [:, 0] (queries) and [:, 1] (keys); values [:, 2] stay. qkv [T, 3, H, D] float32 or
// bfloat16 with any row stride, D contiguous; weights [D], shared by all heads; `table` for the same T and D, same
// device.
void QkNormRope(at::Tensor& qkv_T3HD, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                const RopeTable& table);

// The definition through RmsNormReference and ApplyRope.
void QkNormRopeReference(at::Tensor& qkv_T3HD, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                         const RopeTable& table);

// Fused CPU kernel. REQUIRES: UseCpuKernel(qkv), inner strides [H·D, D, 1].
void QkNormRopeCpu(at::Tensor& qkv_T3HD, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                   const RopeTable& table);

}  // namespace vitok
