// The first product of a transformer block with the MLP's SwiGLU (core/ops/swiglu.h) where it ends:
//   [qkv | values | gates] = x · Wᵀ,  hidden = values · silu(gates)
// x [T, K], W [Q + 2h, K] -> qkv [T, Q], hidden [T, h]. Gates and values are never rounded: SwiGLU takes the float32
// sums, and its result is rounded once.
#pragma once

#include <ATen/ATen.h>

#include "core/ops/quantize_rows.h"

namespace vitok {

// Rows of values and gates in W take turns, this many at a time, so that one thread of the kernel has both.
inline constexpr int64_t kMlpGroup = 8;

// W [Q + 2h, K] with rows qkv | values | gates -> the same with the last two in turns. REQUIRES: h a multiple of
// kMlpGroup.
at::Tensor InterleaveMlp(const at::Tensor& weight_PK, int64_t hidden);

// SwiGLU in ATen ops of columns that are in turns: y [T, 2h] -> [T, h].
at::Tensor InterleavedSwiGluReference(const at::Tensor& y_T2h);

// x, W (from InterleaveMlp), qkv and hidden: bfloat16 or float32, one dtype and device; x, qkv and hidden with any row
// stride, not overlapping. h and Q are taken from hidden and qkv.
void QkvSwiGlu(const at::Tensor& x_TK, const at::Tensor& weight_PK, at::Tensor& qkv_TQ, at::Tensor& hidden_Th);
// With x and W in e4m3, on a GPU with sums as of Accumulation::kFast (core/ops/cuda_linear.h); qkv and hidden bfloat16
// or float32.
void QkvSwiGlu(const QuantizedRows& x, const QuantizedRows& weight, at::Tensor& qkv_TQ, at::Tensor& hidden_Th);

// The definition in ATen ops; for e4m3 through float32. Sums are rounded to x's dtype.
void QkvSwiGluReference(const at::Tensor& x_TK, const at::Tensor& weight_PK, at::Tensor& qkv_TQ, at::Tensor& hidden_Th);

// Whether this shape has a kernel on this device: bfloat16 or e4m3 on a GPU of compute capability 9.0, rows of W of a
// multiple of 16 bytes, h of 8, Q of 64. QkvSwiGlu takes it if x's, qkv's and hidden's rows also start at 16-byte
// boundaries.
bool HasQkvSwiGluKernel(const at::Tensor& weight_PK, int64_t hidden);

// CUDA kernels. REQUIRES: HasQkvSwiGluKernel, rows at 16-byte boundaries.
void QkvSwiGluCuda(const at::Tensor& x_TK, const at::Tensor& weight_PK, at::Tensor& qkv_TQ, at::Tensor& hidden_Th);
void QkvSwiGluCuda(const QuantizedRows& x, const QuantizedRows& weight, at::Tensor& qkv_TQ, at::Tensor& hidden_Th);

}  // namespace vitok
