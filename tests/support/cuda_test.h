// The fixture of tests that need a GPU.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

namespace vitok {

// Skips its tests where there is no GPU. With parameters: class X : public CudaTest, public WithParamInterface<P>. A
// SetUp of X begins with CudaTest::SetUp() and returns if IsSkipped().
class CudaTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "no GPU (or a build without CUDA)";
    at::manual_seed(11);
  }

  // Standard normal.
  static at::Tensor Random(at::IntArrayRef shape, double scale = 1) {
    return (at::randn(shape, at::TensorOptions(at::kCUDA).dtype(at::kFloat)) * scale).to(at::kBFloat16);
  }

  static at::Tensor Poisoned(at::IntArrayRef shape, at::ScalarType dtype = at::kBFloat16) {
    return at::full(shape, std::numeric_limits<float>::quiet_NaN(), at::TensorOptions(at::kCUDA).dtype(dtype));
  }
};

}  // namespace vitok
