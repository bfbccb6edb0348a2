#include "core/model/fp8_attention.h"

#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "core/ops/e4m3.h"
#include "tests/support/tensor_matchers.h"

#ifdef VITOK_CUDA
#include <ATen/cuda/CUDAContext.h>
#endif

namespace vitok {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;

constexpr int64_t kHeads = 2;
constexpr int64_t kHeadDim = 64;
constexpr int64_t kWidth = kHeads * kHeadDim;
constexpr float kValueBound = 4.5f;

class Fp8AttentionTest : public testing::TestWithParam<at::DeviceType> {
 protected:
  void SetUp() override {
    if (GetParam() == at::kCPU) return;
    if (!at::hasCUDA()) GTEST_SKIP() << "no GPU (or a build without CUDA)";
#ifdef VITOK_CUDA
    if (at::cuda::getCurrentDeviceProperties()->major < 9) GTEST_SKIP() << "the GPU's compute capability is below 9";
#endif
  }

  void Make(const std::vector<int64_t>& lengths) {
    batch_.offsets = {0};
    for (const int64_t length : lengths) batch_.offsets.push_back(batch_.offsets.back() + length);
    const int64_t tokens = batch_.offsets.back();
    const auto options = at::TensorOptions(GetParam()).dtype(at::kBFloat16);
    at::manual_seed(4);
    qkv_ = at::randn({tokens, 3, kHeads, kHeadDim}, options);
    qkv8_ = at::empty({tokens, 3, kHeads, kHeadDim}, options.dtype(at::kFloat8_e4m3fn));
    attended_ = QuantizedRows::Empty(tokens, kWidth, GetParam());
    attended_.values_TK.fill_(kUntouched);
    attended_.scale_T1.copy_(kValueBound / kE4m3Max * (1 + 7 * at::rand({tokens, 1}, options.dtype(at::kFloat))));
  }

  Fp8Attention Prepare() const { return {batch_, qkv_, qkv8_, attended_}; }

  // Attention of an image in float32, and what was computed of it: [count, H, D].
  at::Tensor Expected(TokenRange image) const {
    const at::Tensor qkv = qkv_.narrow(0, image.first, image.count).to(at::kFloat);
    at::Tensor result = at::empty({image.count, kHeads, kHeadDim}, qkv.options());
    VarlenAttentionIntoPerImage(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), {0, image.count}, std::nullopt,
                                result);
    return result;
  }

  at::Tensor Actual(TokenRange image) const {
    return attended_.Narrow(image.first, image.count).Dequantize().view({image.count, kHeads, kHeadDim});
  }

  static constexpr float kUntouched = 3;
  const c10::InferenceMode inference_;
  AttentionBatch batch_;
  at::Tensor qkv_, qkv8_;
  QuantizedRows attended_;
};

INSTANTIATE_TEST_SUITE_P(, Fp8AttentionTest, testing::Values(at::kCPU, at::kCUDA),
                         [](const auto& info) { return info.param == at::kCPU ? "Cpu" : "Cuda"; });

// Error: queries, keys, values, weights and the result are each rounded to 4 significant bits.
TEST_P(Fp8AttentionTest, ComputesLongImagesWhereverTheyLieAndLeavesTheOthers) {
  Make({300, 4096, 50, 0, 4500, 10});
  const Fp8Attention attention = Prepare();
  ASSERT_TRUE(attention.path().has_value());
  EXPECT_EQ(*attention.path(), GetParam() == at::kCPU ? AttentionPath::kPerImage : AttentionPath::kPackedFp8);
  EXPECT_THAT(attention.other_tokens(), ElementsAre(FieldsAre(0, 300), FieldsAre(4396, 50), FieldsAre(8946, 10)));
  EXPECT_EQ(attention.others().offsets, batch_.offsets);
  EXPECT_EQ(attention.others().to_tokens, 4096);
  attention.Run(qkv_, qkv8_, kValueBound, attended_);
  for (const auto& [first, count] : attention.other_tokens()) {
    if (GetParam() == at::kCPU) break;  // the definition computes them, too, which it may
    const at::Tensor rows = attended_.values_TK.narrow(0, first, count).to(at::kFloat);
    EXPECT_TRUE(rows.eq(kUntouched).all().item<bool>()) << "at " << first;
  }
  for (const TokenRange image : {TokenRange{300, 4096}, {4446, 4500}}) {
    const at::Tensor expected = Expected(image), actual = Actual(image);
    EXPECT_LT((actual - expected).norm().item<double>(), 0.08 * expected.norm().item<double>()) << "at " << image.first;
  }
}

// Each result is rounded to 4 significant bits by a scale of its own, which a mean over thousands is free of. The bound
// leaves no room for errors of values or sums that all tokens share, such as values rounded with their mean: 0.03.
TEST_P(Fp8AttentionTest, WhatTheValuesOfAnImageHaveInCommonIsNotRoundedWithThem) {
  Make({4096, 50, 4500});
  const std::vector<TokenRange> images = {{0, 4096}, {4146, 4500}};
  for (const auto& [first, count] : images) {
    at::Tensor v = qkv_.select(1, 2).narrow(0, first, count);
    v.copy_(v * 0.04 + 8 * at::rand({kHeads, kHeadDim}, v.options()) - 4);
  }
  Prepare().Run(qkv_, qkv8_, kValueBound, attended_);
  for (const TokenRange image : images) {
    const at::Tensor expected = Expected(image).mean(0);
    EXPECT_LT((Actual(image).mean(0) - expected).norm().item<double>(), 0.003 * expected.norm().item<double>());
  }
}

TEST_P(Fp8AttentionTest, AnImageDoesNotDependOnItsBatch) {
  Make({300, 4500, 4100, 20});
  qkv_.narrow(0, 4800, 4100).add_(3);
  const TokenRange image{300, 4500};
  Prepare().Run(qkv_, qkv8_, kValueBound, attended_);
  const at::Tensor among_others = Actual(image).clone();
  batch_.offsets = {0, image.count};
  qkv_ = qkv_.narrow(0, image.first, image.count);
  qkv8_ = qkv8_.narrow(0, image.first, image.count);
  attended_ = attended_.Narrow(image.first, image.count);
  Prepare().Run(qkv_, qkv8_, kValueBound, attended_);
  EXPECT_TRUE(IsSame(Actual({0, image.count}), among_others));
}

TEST_P(Fp8AttentionTest, LeavesNothingWhereAllImagesAreLong) {
  Make({4096, 4096});
  const Fp8Attention attention = Prepare();
  EXPECT_EQ(*attention.path(), GetParam() == at::kCPU ? AttentionPath::kPerImage : AttentionPath::kDenseFp8);
  EXPECT_TRUE(attention.other_tokens().empty());
}

TEST_P(Fp8AttentionTest, LeavesAllShortImagesAndThoseUnderAShortWindow) {
  for (const std::optional<int64_t> window : {std::optional<int64_t>(), {512}}) {
    Make({300, window.has_value() ? 5000 : 4095});
    batch_.window = window;
    const Fp8Attention attention = Prepare();
    EXPECT_EQ(attention.path(), std::nullopt);
    EXPECT_THAT(attention.other_tokens(), ElementsAre(FieldsAre(0, batch_.offsets.back())));
    attention.Run(qkv_, qkv8_, kValueBound, attended_);
    EXPECT_TRUE(attended_.values_TK.to(at::kFloat).eq(kUntouched).all().item<bool>());
  }
}

TEST_P(Fp8AttentionTest, LeavesABatchWhoseLengthsAreOnTheDevice) {
  Make({5000});
  batch_.max_image_tokens = 5000;
  EXPECT_EQ(Prepare().path(), std::nullopt);
  EXPECT_THAT(Prepare().other_tokens(), ElementsAre(FieldsAre(0, 5000)));
}

}  // namespace
}  // namespace vitok
