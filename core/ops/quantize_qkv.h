// Queries, keys and values for attention in e4m3 (core/ops/varlen_attention.h).
//
// Queries and keys are normed and so of a known range, and e4m3 is a floating format: they are rounded as they are,
// exact to 2^-4 between 2^-6 and 448. Values are divided by a scale that their caller knows to bound them.
#pragma once

#include <ATen/ATen.h>

namespace vitok {

// e4m3(queries | keys | values / value_scale), saturating. qkv [T, 3W] bfloat16 or float32, qkv8 [T, 3W] e4m3 on the
// same device, rows with any stride.
void QuantizeQkv(const at::Tensor& qkv_TQ, float value_scale, at::Tensor& qkv8_TQ);

// The definition in ATen ops.
void QuantizeQkvReference(const at::Tensor& qkv_TQ, float value_scale, at::Tensor& qkv8_TQ);

// CUDA kernel. REQUIRES: UseCudaKernel(qkv).
void QuantizeQkvCuda(const at::Tensor& qkv_TQ, float value_scale, at::Tensor& qkv8_TQ);

}  // namespace vitok
