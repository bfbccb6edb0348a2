// Matrix products with a weight that stays, in the dtype of the activations.
#pragma once

#include <ATen/ATen.h>

namespace vitok {

// The form of a weight that Matmul wants for activations of its dtype on its device. On the CPU bfloat16 weights are
// widened to float32 (their values stay rounded to bfloat16): float32 products are the faster ones on every CPU without
// matrix units, up to 50 times where ATen has no bfloat16 kernel. Otherwise the weight itself.
at::Tensor PrepareWeight(const at::Tensor& weight);

// out [T, M] = a [T, K] · w [K, M], rounded once to out's dtype. `weight_KM` from PrepareWeight or a view of it;
// a and out of one dtype. Not differentiable.
void MatmulInto(const at::Tensor& a_TK, const at::Tensor& weight_KM, at::Tensor& out_TM);

// x [T, M] += a [T, K] · w [K, M], rounded once to x's dtype; the rest as for MatmulInto.
void AddMatmul(const at::Tensor& a_TK, const at::Tensor& weight_KM, at::Tensor& x_TM);

// a [T, K] · weight [M, K]ᵀ + bias [M]; weight and bias from PrepareWeight. Returns [T, M] of a's dtype.
at::Tensor Linear(const at::Tensor& a_TK, const at::Tensor& weight_MK, const at::Tensor& bias_M);

}  // namespace vitok
