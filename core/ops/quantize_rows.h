// Rows in e4m3 with a scale each (core/ops/e4m3.h): what fp8 products with row-wise scaling take.
#pragma once

#include <ATen/ATen.h>

#include "core/ops/e4m3.h"

namespace vitok {

// x ≈ values · scale
struct QuantizedRows {
  at::Tensor values_TK;  // e4m3 (kFloat8_e4m3fn)
  at::Tensor scale_T1;   // float32

  // Not initialised.
  static QuantizedRows Empty(int64_t rows, int64_t width, at::Device device);
  QuantizedRows Narrow(int64_t first, int64_t rows) const;  // views
  at::Tensor Dequantize() const;                            // float32
};

// Writes x [T, K] (bfloat16 or float32, any row stride) into `rows` of the same shape and device, rows of values with
// any stride. least_amax > 0 is a lower bound of the amax that the scale is made from: the scale then also fits other
// values up to it.
void QuantizeRowsInto(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax = kLeastAmax);

// The same with rows.scale_T1 given, > 0. Values beyond 448 · scale become 448 · scale.
void QuantizeRowsBy(const at::Tensor& x_TK, QuantizedRows& rows);

// The definitions in ATen ops.
void QuantizeRowsReference(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax = kLeastAmax);
void QuantizeRowsByReference(const at::Tensor& x_TK, QuantizedRows& rows);

// CUDA kernels. REQUIRES: UseCudaKernel(x).
void QuantizeRowsCuda(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax);
void QuantizeRowsByCuda(const at::Tensor& x_TK, QuantizedRows& rows);

}  // namespace vitok
