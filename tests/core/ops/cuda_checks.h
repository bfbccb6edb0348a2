// What the tests of CUDA kernels share: bounds that a result rounded once from float32 keeps.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "core/ops/quantize_rows.h"
#include "tests/support/cuda_test.h"

namespace vitok {

// Rows in e4m3 full of NaN; values are columns [begin, begin + width) of wider rows.
inline QuantizedRows PoisonedRows(int64_t rows, int64_t width, int64_t begin = 0, int64_t spare = 0) {
  QuantizedRows result = QuantizedRows::Empty(rows, begin + width + spare, at::kCUDA);
  result.values_TK.view(at::kByte).fill_(0x7f);  // NaN
  result.scale_T1.fill_(std::numeric_limits<float>::quiet_NaN());
  result.values_TK = result.values_TK.narrow(1, begin, width);
  return result;
}

// Success if |actual - expected| <= 2^-8 |expected| + absolute everywhere (half of that is the rounding itself), and
// NaN and infinity stand in the same places.
inline testing::AssertionResult IsRoundedOnce(const at::Tensor& actual, const at::Tensor& expected, double absolute) {
  const at::Tensor a = actual.to(at::kFloat), e = expected.to(at::kFloat);
  if (a.sizes() != e.sizes()) return testing::AssertionFailure() << a.sizes() << ", expected " << e.sizes();
  const at::Tensor bad = at::logical_not((a - e).abs() <= e.abs() / 256 + absolute) & at::logical_not(a == e) &
                         at::logical_not(a.isnan() & e.isnan());
  if (!bad.any().item<bool>()) return testing::AssertionSuccess();
  const at::Tensor at = bad.nonzero()[0].cpu();
  return testing::AssertionFailure() << bad.sum().item<int64_t>() << " values off, first "
                                     << a[at[0]][at[1]].item<float>() << " for " << e[at[0]][at[1]].item<float>()
                                     << " at " << at[0].item<int64_t>() << ", " << at[1].item<int64_t>();
}

// Success if scales equal those of `expected` up to 1e-5 and each value lies within half a step of e4m3 of it.
inline testing::AssertionResult IsQuantizedOnce(const QuantizedRows& actual, const at::Tensor& expected_TK,
                                                float least_amax = kLeastAmax) {
  const at::Tensor e = expected_TK.to(at::kFloat);
  const at::Tensor scale = e.abs().amax(1, true).clamp_min(least_amax) / kE4m3Max;
  if (!at::allclose(actual.scale_T1, scale, 1e-5, 0)) return testing::AssertionFailure() << "scales differ";
  const at::Tensor bound = scale * at::clamp_min((e / scale).abs() / 16, 1.0 / 1024) * 1.001;
  const at::Tensor bad = at::logical_not((actual.Dequantize() - e).abs() <= bound);
  if (!bad.any().item<bool>()) return testing::AssertionSuccess();
  const at::Tensor at = bad.nonzero()[0].cpu();
  return testing::AssertionFailure() << bad.sum().item<int64_t>() << " values off, first at " << at[0].item<int64_t>()
                                     << ", " << at[1].item<int64_t>() << ", expected " << e[at[0]][at[1]].item<float>();
}

}  // namespace vitok
