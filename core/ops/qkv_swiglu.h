// The first product of a transformer block with all that lies between it and attention where it ends: QkNormRope
// (core/ops/qk_norm_rope.h) of queries and keys, and the MLP's SwiGLU (core/ops/swiglu.h):
//   [queries | keys | values | MLP values | MLP gates] = x · Wᵀ
//   qkv = [QkNormRope of queries and keys | values],  hidden = MLP values · silu(MLP gates)
// x [T, K], W [Q + 2h, K], Q = 3 · heads · D -> qkv [T, Q], hidden [T, h]. Norm, rotation and SwiGLU take the float32
// sums, and their results are rounded once; but queries and keys of D != 64 go through a pass of their own on a GPU,
// which reads them rounded.
#pragma once

#include <ATen/ATen.h>

#include "core/ops/quantize_rows.h"
#include "core/ops/rope2d.h"

namespace vitok {

// Rows of values and gates in W take turns, this many at a time, so that one thread of the kernel has both.
inline constexpr int64_t kMlpGroup = 8;

// W [Q + 2h, K] with rows qkv | values | gates -> the same with the last two in turns. REQUIRES: h a multiple of
// kMlpGroup.
at::Tensor InterleaveMlp(const at::Tensor& weight_PK, int64_t hidden);

// SwiGLU in ATen ops of columns that are in turns: y [T, 2h] -> [T, h].
at::Tensor InterleavedSwiGluReference(const at::Tensor& y_T2h);

// x, W (from InterleaveMlp), norm weights [D], qkv and hidden: bfloat16 or float32, one dtype and device; x, qkv and
// hidden with any row stride, not overlapping; positions of the T tokens for D. h is taken from hidden.
void QkvSwiGlu(const at::Tensor& x_TK, const at::Tensor& weight_PK, int64_t heads, const at::Tensor& norm_q_D,
               const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ, at::Tensor& hidden_Th);
// With x and W in e4m3, on a GPU with sums as of Accumulation::kFast (core/ops/cuda_linear.h); norm weights, qkv and
// hidden bfloat16 or float32.
void QkvSwiGlu(const QuantizedRows& x, const QuantizedRows& weight, int64_t heads, const at::Tensor& norm_q_D,
               const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ, at::Tensor& hidden_Th);

// The definition in ATen ops; for e4m3 through float32. Sums are rounded to x's dtype.
void QkvSwiGluReference(const at::Tensor& x_TK, const at::Tensor& weight_PK, int64_t heads, const at::Tensor& norm_q_D,
                        const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ,
                        at::Tensor& hidden_Th);

// Whether this shape has a kernel on this device: bfloat16 or e4m3 on a GPU of compute capability 9.0, rows of W of a
// multiple of 16 bytes, h of 8, Q of 64. QkvSwiGlu takes it if x's, qkv's and hidden's rows also start at 16-byte
// boundaries.
bool HasQkvSwiGluKernel(const at::Tensor& weight_PK, int64_t hidden);

// CUDA kernels. REQUIRES: HasQkvSwiGluKernel, rows at 16-byte boundaries, norm weights, qkv and hidden bfloat16.
void QkvSwiGluCuda(const at::Tensor& x_TK, const at::Tensor& weight_PK, int64_t heads, const at::Tensor& norm_q_D,
                   const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ,
                   at::Tensor& hidden_Th);
void QkvSwiGluCuda(const QuantizedRows& x, const QuantizedRows& weight, int64_t heads, const at::Tensor& norm_q_D,
                   const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ,
                   at::Tensor& hidden_Th);

}  // namespace vitok
