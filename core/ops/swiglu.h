// SwiGLU: y = value · silu(gate), silu(g) = g / (1 + exp(-g)). The first half of the columns is the value, the second
// half the gate. Source: "GLU Variants Improve Transformer", Shazeer 2020; halves as in the ViTok-v2 reference.
#pragma once

#include <ATen/ATen.h>

namespace vitok {

// x [T, 2h] float32 or bfloat16, any row stride -> [T, h] of x's dtype.
at::Tensor SwiGlu(const at::Tensor& x_T2h);

// The same into `out` [T, h], same dtype and device, any row stride; must not overlap x. Not differentiable.
void SwiGluInto(const at::Tensor& x_T2h, at::Tensor& out_Th);

// The definition in ATen ops: differentiable, any device.
at::Tensor SwiGluReference(const at::Tensor& x_T2h);

// Fused CPU kernel. REQUIRES: UseCpuKernel(x) and UseCpuKernel(out).
void SwiGluIntoCpu(const at::Tensor& x_T2h, at::Tensor& out_Th);

}  // namespace vitok
