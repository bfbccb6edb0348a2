// What the tests of attention on a GPU share, whatever its dtype: the fixture, and the definition in float32.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#ifdef VITOK_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif

#include "core/ops/varlen_attention.h"
#include "tests/support/cuda_test.h"

namespace vitok {

// Skips its tests where there is no GPU of compute capability 9.
class HopperAttentionTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    if (IsSkipped()) return;
#ifdef VITOK_CUDA
    if (at::cuda::getCurrentDeviceProperties()->major < 9) GTEST_SKIP() << "the GPU's compute capability is below 9";
#endif
  }

  static std::vector<int64_t> Offsets(const std::vector<int64_t>& lengths) {
    std::vector<int64_t> offsets = {0};
    for (const int64_t length : lengths) offsets.push_back(offsets.back() + length);
    return offsets;
  }

  // [N, H, D] -> float32 [H, N, D].
  static at::Tensor HeadsFirst(const at::Tensor& x_NHD) { return x_NHD.to(at::kFloat).transpose(0, 1); }

  // Weights [H, n, N] by which queries `first` to `first + n` of an image see its N keys. q [H, n, D], k [H, N, D].
  static at::Tensor Weights(const at::Tensor& q_HnD, const at::Tensor& k_HND, int64_t first,
                            std::optional<int64_t> window) {
    at::Tensor scores = at::matmul(q_HnD, k_HND.transpose(1, 2)) / std::sqrt(static_cast<double>(q_HnD.size(2)));
    if (window.has_value()) {
      const auto options = at::TensorOptions().dtype(at::kLong).device(at::kCUDA);
      const at::Tensor distance =
          at::arange(first, first + q_HnD.size(1), options).unsqueeze(1) - at::arange(k_HND.size(1), options);
      scores = scores.masked_fill(distance.abs() > *window, -INFINITY);
    }
    return at::softmax(scores, -1);
  }

  const c10::InferenceMode inference_;
};

}  // namespace vitok
