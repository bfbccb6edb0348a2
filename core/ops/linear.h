// Linear layers of inference: y = x · Wᵀ + b, and the fused forms that a transformer block wants of them.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>

namespace vitok {

// Weights in the layout of the CPU kernels (core/ops/linear_kernel.h) and the products with it, all float32 on the CPU.
// x and y: [T, ...] with any row stride; they run on the calling thread alone, for chunks of tokens that fit its cache.
// A row's result depends on that row alone, bit for bit. Immutable.
class CpuLinear {
 public:
  // weight [M, K]
  explicit CpuLinear(const at::Tensor& weight_MK);

  // y [T, M] = (x [T, K] · weightᵀ) · scale [T] + bias; scale and bias (from PadBias) may be undefined.
  void Into(const at::Tensor& x_TK, const at::Tensor& scale_T, const at::Tensor& bias, at::Tensor& y_TM) const;

  // y [T, M] += x [T, K] · weightᵀ
  void AddTo(const at::Tensor& x_TK, at::Tensor& y_TM) const;

  // bias [M] filled up for Into.
  static at::Tensor PadBias(const at::Tensor& bias_M);

  int64_t outputs() const { return outputs_; }  // M

 private:
  at::Tensor panels_;
  int64_t outputs_;
};

// The gated first half of an MLP: y [T, h] = (v · scale) · silu(g · scale) with [v | g] = x [T, K] · weight [2h, K]ᵀ
// (core/ops/swiglu.h) and scale [T]. The rest as for CpuLinear.
class CpuSwiGlu {
 public:
  explicit CpuSwiGlu(const at::Tensor& weight_2hK);

  void Into(const at::Tensor& x_TK, const at::Tensor& scale_T, at::Tensor& y_Th) const;

 private:
  at::Tensor panels_;
  int64_t outputs_;
};

// y [T, M] = x [T, K] · weight [M, K]ᵀ + bias [M], rounded once. All of one float dtype and device, on the CPU float32;
// x with K contiguous. Not differentiable. Immutable.
class Linear {
 public:
  Linear(const at::Tensor& weight_MK, const at::Tensor& bias_M);

  at::Tensor operator()(const at::Tensor& x_TK) const;

 private:
  std::optional<CpuLinear> cpu_;
  at::Tensor weight_MK_;  // unless on the CPU
  at::Tensor bias_M_;     // on the CPU from PadBias
};

}  // namespace vitok
