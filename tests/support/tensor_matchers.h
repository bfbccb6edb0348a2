// Comparison of tensors with a tolerance, for EXPECT_TRUE and ASSERT_TRUE.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace vitok {

// Largest |a - b|, in float32. REQUIRES: equal shapes. NaN if any element is.
inline double MaxAbsDifference(const at::Tensor& a, const at::Tensor& b) {
  if (a.numel() == 0) return 0;
  return (a.to(at::kFloat) - b.to(at::kFloat)).abs().max().item<double>();
}

// Success if shapes are equal and no element differs by more than `tolerance`.
inline testing::AssertionResult IsNear(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  if (actual.sizes() != expected.sizes()) {
    return testing::AssertionFailure() << "shape " << actual.sizes() << ", expected " << expected.sizes();
  }
  const double difference = MaxAbsDifference(actual, expected);
  if (difference <= tolerance) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "max |difference| " << difference << ", tolerance " << tolerance;
}

// Success if dtype, shape and every bit are equal.
inline testing::AssertionResult IsSame(const at::Tensor& actual, const at::Tensor& expected) {
  if (actual.scalar_type() != expected.scalar_type()) return testing::AssertionFailure() << "dtypes differ";
  if (!at::equal(actual, expected)) {
    return testing::AssertionFailure() << "values differ; shapes " << actual.sizes() << " and " << expected.sizes();
  }
  return testing::AssertionSuccess();
}

}  // namespace vitok
