// RMSNorm: y = x / sqrt(mean(x²) + eps) · w over the last dimension, computed in float32 and cast back to x's dtype.
// Source: "Root Mean Square Layer Normalization", Zhang and Sennrich 2019; eps as in the ViTok-v2 reference.
#pragma once

#include <ATen/ATen.h>

namespace vitok {

inline constexpr double kNormEps = 1e-6;

// x [..., W] and weight [W], float32 or bfloat16, same device. Returns a contiguous tensor of x's shape and dtype.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight_W, double eps = kNormEps);

// The definition in ATen ops: differentiable, any device; what the kernels are tested against.
at::Tensor RmsNormReference(const at::Tensor& x, const at::Tensor& weight_W, double eps = kNormEps);

// Fused CPU kernel. REQUIRES: UseCpuKernel(x), x 2-D [T, W] with any row stride, weight float32 or x's dtype.
at::Tensor RmsNormCpu(const at::Tensor& x_TW, const at::Tensor& weight_W, double eps);

// The factor of each row alone, 1 / sqrt(mean(x²) + eps): [T] for x [T, W], float32 on the CPU, W contiguous. A linear
// layer behind the norm takes it, with w folded into its weight.
at::Tensor RmsScaleCpu(const at::Tensor& x_TW, double eps = kNormEps);

}  // namespace vitok
