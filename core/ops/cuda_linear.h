// The products of a transformer block on a GPU: each owns its weight in the form that its product takes.
// y = x · Wᵀ; rows are tokens. Immutable. Without a GPU they compute the same in ATen ops, for tests.
#pragma once

#include <ATen/ATen.h>

#include "core/ops/quantize_rows.h"

namespace vitok {

// bfloat16 with float32 accumulation.
class Bfloat16Linear {
 public:
  // weight [M, K], any float dtype; rounded once.
  explicit Bfloat16Linear(const at::Tensor& weight_MK);

  // y [T, M] = x [T, K] · Wᵀ
  void Into(const at::Tensor& x_TK, at::Tensor& y_TM) const;
  // y [T, M] += x [T, K] · Wᵀ; cuBLAS may round the sums of parts of K to bfloat16 for short batches
  void AddTo(const at::Tensor& x_TK, at::Tensor& y_TM) const;

  // What it holds: [M, K].
  at::Tensor weight() const { return weight_KM_.t(); }

 private:
  at::Tensor weight_KM_;
};

// kFast: in the registers of the tensor cores alone, which keep some 13 bits below the largest term; as the published
// evaluation does. kFull: moved to float32 registers every few steps; 1.3 times the time.
enum class Accumulation { kFast, kFull };

// e4m3 with a scale a token and a scale an output channel; the result is bfloat16.
class Fp8Linear {
 public:
  // weight [M, K], any float dtype; quantised from float32. REQUIRES: M and K multiples of 16 on a GPU.
  explicit Fp8Linear(const at::Tensor& weight_MK, Accumulation accumulation = Accumulation::kFast);

  // y [T, M] = x [T, K] · Wᵀ; y contiguous bfloat16.
  void Into(const QuantizedRows& x, at::Tensor& y_TM) const;

  // What it holds: [M, K], scales [M, 1].
  QuantizedRows weight() const { return {weight_KM_.t(), scale_1M_.t()}; }

  // What M and K must be multiples of.
  static constexpr int64_t kAlignment = 16;

 private:
  at::Tensor weight_KM_;  // column by column
  at::Tensor scale_1M_;
  Accumulation accumulation_;
};

}  // namespace vitok
