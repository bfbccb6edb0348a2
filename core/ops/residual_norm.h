// The norm in front of a transformer block with what stands right before and behind it, in one pass:
//   x = x + r;  h = x / sqrt(mean(x²) + eps), optionally in e4m3 with a scale a row
// The weight of the norm is not applied: it is folded into the products that read h. x is rounded to its dtype before
// the norm sees it, as without fusion; between x and h everything is float32.
#pragma once

#include <ATen/ATen.h>

#include "core/ops/quantize_rows.h"

namespace vitok {

// x [T, W] float32 or bfloat16, any row stride, changed in place if residual_TW [T, W], of the same dtype, is defined.
// h: x's shape and dtype, any row stride.
void ResidualNormInto(at::Tensor& x_TW, const at::Tensor& residual_TW, at::Tensor& h_TW);
void ResidualNormInto(at::Tensor& x_TW, const at::Tensor& residual_TW, QuantizedRows& h);

// The definitions in ATen ops.
void ResidualNormReference(at::Tensor& x_TW, const at::Tensor& residual_TW, at::Tensor& h_TW);
void ResidualNormReference(at::Tensor& x_TW, const at::Tensor& residual_TW, QuantizedRows& h);

// CUDA kernels. REQUIRES: UseCudaKernel(x).
void ResidualNormCuda(at::Tensor& x_TW, const at::Tensor& residual_TW, at::Tensor& h_TW);
void ResidualNormCuda(at::Tensor& x_TW, const at::Tensor& residual_TW, QuantizedRows& h);

}  // namespace vitok
