#include "core/ops/quantize_qkv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "core/ops/e4m3.h"
#include "core/ops/mean_samples.h"
#include "tests/core/ops/cuda_checks.h"
#include "tests/support/cuda_test.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

at::Tensor EmptyE4m3(at::IntArrayRef shape, at::Device device) {
  at::Tensor result = at::empty(shape, at::TensorOptions(at::kFloat8_e4m3fn).device(device));
  result.view(at::kByte).fill_(0x7f);  // NaN
  return result;
}

// Images of these lengths with a token between them that belongs to none.
std::vector<TokenRange> Images(const std::vector<int64_t>& lengths) {
  std::vector<TokenRange> images;
  for (const int64_t length : lengths) {
    images.push_back({images.empty() ? 1 : images.back().first + images.back().count + 1, length});
  }
  return images;
}

int64_t TokensOf(const std::vector<TokenRange>& images) { return images.back().first + images.back().count + 1; }

// x at the tokens of images, in one tensor.
at::Tensor TokensOf(const at::Tensor& x_TK, const std::vector<TokenRange>& images) {
  std::vector<at::Tensor> parts;
  for (const auto& [first, count] : images) parts.push_back(x_TK.narrow(0, first, count).to(at::kFloat));
  return at::cat(parts);
}

// A vector for each token of the images, from one for each image.
at::Tensor ForTokens(const at::Tensor& mean_IW, const std::vector<TokenRange>& images) {
  std::vector<at::Tensor> parts;
  for (size_t i = 0; i < images.size(); ++i) {
    parts.push_back(mean_IW.narrow(0, static_cast<int64_t>(i), 1).expand({images[i].count, -1}));
  }
  return at::cat(parts);
}

TEST(SampledToken, TakesAllPartsOfAnImage) {
  for (const int64_t tokens : {int64_t{1}, int64_t{255}, int64_t{257}, int64_t{65536}, (int64_t{1} << 31) - 1}) {
    for (int64_t i = 0; i < kMeanSamples; ++i) {
      EXPECT_GE(SampledToken(i, tokens), i * tokens / kMeanSamples);
      EXPECT_LE(SampledToken(i, tokens), ((i + 1) * tokens - 1) / kMeanSamples);
    }
  }
}

TEST(SampledToken, TakesManyColumnsOfAnyPicture) {
  for (const int64_t columns : {60, 64, 100, 128, 160, 256, 300}) {
    std::set<int64_t> seen, tenths;
    for (int64_t i = 0; i < kMeanSamples; ++i) {
      const int64_t column = SampledToken(i, columns * columns * 3 / 4) % columns;
      seen.insert(column);
      tenths.insert(10 * column / columns);
    }
    EXPECT_GE(seen.size(), std::min<size_t>(columns * 3 / 4, 100)) << columns;
    EXPECT_EQ(tenths.size(), 10) << columns;
  }
}

TEST(MeanValues, AreOfEachImageAlone) {
  const std::vector<TokenRange> images = Images({1, 0, 256, 3000});
  const at::Tensor v = at::randn({TokensOf(images), 5});
  for (const auto& [first, count] : images) v.narrow(0, first, count).add_(first);
  const at::Tensor mean = MeanValues(v, images);
  EXPECT_TRUE(IsNear(mean[0], v[1], 1e-5));
  EXPECT_TRUE(IsSame(mean[1], at::zeros({5})));
  EXPECT_TRUE(IsNear(mean[2], v.narrow(0, images[2].first, 256).mean(0), 1e-4)) << "so few tokens are all taken";
  EXPECT_TRUE(IsNear(mean[3], at::full({5}, images[3].first), 5 / std::sqrt(kMeanSamples)));
  EXPECT_TRUE(IsSame(MeanValues(v, {images[3]})[0], mean[3]));
}

TEST(QuantizeQkv, ScalesTheValuesAloneAndSaturates) {
  at::Tensor qkv8 = EmptyE4m3({2, 6}, at::kCPU);
  const at::Tensor qkv = at::tensor({1.5f, -1000.0f, 0.25f, 2.0f, 3.0f, -1e6f}).view({1, 6}).repeat({2, 1});
  QuantizeQkv(qkv, {{1, 1}}, at::tensor({-1.0f, 7.0f}).view({1, 2}), 0.5f, qkv8);
  EXPECT_TRUE(IsNear(qkv8[1].to(at::kFloat), at::tensor({1.5f, -448.0f, 0.25f, 2.0f, 8.0f, -448.0f}), 0));
  EXPECT_TRUE(qkv8[0].to(at::kFloat).isnan().all().item<bool>()) << "of no image";
}

TEST(AddMeanValues, QuantisesTheSumByTheScaleOfTheRow) {
  QuantizedRows rows = QuantizedRows::Empty(3, 2, at::kCPU);
  rows.values_TK.copy_(at::tensor({4.0f, -448.0f}).repeat({3, 1}));
  rows.scale_T1.copy_(at::tensor({2.0f, 0.5f, 0.125f}).view({3, 1}));
  AddMeanValues({{0, 2}, {2, 1}}, at::tensor({3.0f, 0.0f, -1.0f, -10.0f}).view({2, 2}), 0.25f, rows);
  const at::Tensor expected = at::tensor({4.0f, -112.0f, 4.0f, -112.0f, 0.0f, -56.0f}).view({3, 2});
  EXPECT_TRUE(IsNear(rows.Dequantize(), expected, 0));
}

// Both kernels and definitions.
class CenteredValuesTest : public testing::TestWithParam<at::DeviceType> {
 protected:
  void SetUp() override {
    if (GetParam() == at::kCUDA && !at::hasCUDA()) GTEST_SKIP() << "no GPU (or a build without CUDA)";
    at::manual_seed(5);
  }

  // From values by way of e4m3 with the scale of a bound, to rows of other scales, as around an attention that gives
  // every token its own value.
  static QuantizedRows RoundTrip(const at::Tensor& v, const std::vector<TokenRange>& images, const at::Tensor& mean,
                                 float bound, const at::Tensor& scale) {
    const int64_t width = v.size(1);
    at::Tensor qkv8 = EmptyE4m3({v.size(0), 3 * width}, v.device());
    const float value_scale = 2 * bound / kE4m3Max;
    QuantizeQkv(at::cat({v, v, v}, 1), images, mean, value_scale, qkv8);
    QuantizedRows rows{qkv8.narrow(1, 2 * width, width), scale};
    AddMeanValues(images, mean, value_scale, rows);
    return rows;
  }
};

INSTANTIATE_TEST_SUITE_P(, CenteredValuesTest, testing::Values(at::kCPU, at::kCUDA),
                         [](const auto& info) { return info.param == at::kCPU ? "Cpu" : "Cuda"; });

// Means 100 times the spread: what is left of a value after its mean is rounded by 2^-4 of itself, far less than the
// sum. Without the mean both roundings would be of the sum, in the same direction for all tokens.
TEST_P(CenteredValuesTest, MeansFarLargerThanTheSpreadAreRoundedOnce) {
  const std::vector<TokenRange> images = Images({1, 700, 3, 4096, 300});
  const int64_t tokens = TokensOf(images), width = 48;
  const auto options = at::TensorOptions(GetParam());
  at::Tensor v = at::randn({tokens, width}, options) / 25;
  for (const auto& [first, count] : images) v.narrow(0, first, count).add_(at::rand({width}, options) * 6 - 3);
  v = v.to(at::kBFloat16);
  const at::Tensor mean = MeanValues(v, images);
  const float bound = v.abs().max().item<float>();
  const at::Tensor scale = bound / kE4m3Max * (1 + at::rand({tokens, 1}, options));
  const at::Tensor expected = TokensOf(v, images), steps = TokensOf(scale, images);
  const auto excess = [&](const at::Tensor& m) {  // beyond half a step of e4m3
    const at::Tensor actual = TokensOf(RoundTrip(v, images, m, bound, scale).Dequantize(), images);
    return ((actual - expected).abs() - at::maximum(expected.abs() / 16, steps / 1024)).max().item<double>();
  };
  EXPECT_LT(excess(mean), 0.02);
  EXPECT_GT(excess(at::zeros_like(mean)), 0.1) << "the mean is of use";
}

TEST_P(CenteredValuesTest, ValuesAndMeansOfEitherSignDoNotSaturate) {
  constexpr float kBound = 3;
  at::Tensor v = at::full({4000, 16}, -kBound, at::TensorOptions(GetParam()).dtype(at::kBFloat16));
  v[7].fill_(kBound);  // no samples
  v[9].fill_(0);
  const at::Tensor scale = at::full({4000, 1}, kBound / kE4m3Max, v.options().dtype(at::kFloat));
  const std::vector<TokenRange> images = {{0, 4000}};
  EXPECT_TRUE(IsSame(RoundTrip(v, images, MeanValues(v, images), kBound, scale).Dequantize(), v.to(at::kFloat)));
}

class CudaQuantizeQkvTest : public CudaTest {
 protected:
  static std::vector<std::vector<TokenRange>> Batches() {
    std::vector<int64_t> many(150);
    std::iota(many.begin(), many.end(), 0);
    return {Images({1}), Images({3, 0, 5, 1, 131}), Images({0, 0, 1000, 17, 0}), Images(many)};
  }
};

// Sums of 1024 values in another order.
TEST_F(CudaQuantizeQkvTest, MeansEqualTheReferenceAtAnyWidth) {
  for (const int64_t width : {1, 7, 32, 48, 1000, 1024, 3072}) {
    for (const std::vector<TokenRange>& images : Batches()) {
      for (const int64_t spare : {0, 8, 3}) {  // columns before and after
        const at::Tensor v = Random({TokensOf(images), width + 2 * spare}, 10).narrow(1, spare, width);
        const at::Tensor mean = MeanValues(v, images);
        EXPECT_TRUE(IsNear(mean, MeanValuesReference(v, images), 4e-5)) << width << ", " << images.size() << " images";
        for (const size_t i : {size_t{0}, images.size() / 2, images.size() - 1}) {
          EXPECT_TRUE(IsSame(MeanValues(v, {images[i]})[0], mean[static_cast<int64_t>(i)])) << "of the image alone";
        }
      }
    }
  }
}

// Both round float32 results of the same two numbers once, so they are equal.
TEST_F(CudaQuantizeQkvTest, EqualsTheReferenceAtAnyWidth) {
  for (const int64_t width : {1, 7, 16, 24, 48, 192, 1024, 1728, 3072, 4096}) {
    for (const std::vector<TokenRange>& images : Batches()) {
      const int64_t tokens = TokensOf(images);
      for (const int64_t spare : {0, 8, 3}) {  // columns before and after
        const at::Tensor qkv = Random({tokens, 3 * width + 2 * spare}, 10).narrow(1, spare, 3 * width);
        const at::Tensor mean = Random({static_cast<int64_t>(images.size()), width}, 10).to(at::kFloat);
        at::Tensor all = EmptyE4m3({tokens, 3 * width + 4 * spare}, at::kCUDA);
        at::Tensor actual = all.narrow(1, 2 * spare, 3 * width);
        at::Tensor expected = EmptyE4m3({tokens, 3 * width}, at::kCUDA);
        QuantizeQkv(qkv, images, mean, 0.37f, actual);
        QuantizeQkvReference(qkv, images, mean, 0.37f, expected);
        EXPECT_TRUE(at::equal(actual.view(at::kByte), expected.view(at::kByte)))
            << images.size() << " images, " << width << ", spare " << spare;
        EXPECT_EQ(all.to(at::kFloat).isnan().sum().item<int64_t>(),
                  tokens * 4 * spare + (tokens - TokensOf(qkv, images).size(0)) * 3 * width)
            << "writes its columns and tokens alone";
      }
    }
  }
}

TEST_F(CudaQuantizeQkvTest, AddsMeansAtAnyWidth) {
  for (const int64_t width : {1, 7, 8, 48, 1000, 1024, 3072}) {
    for (const std::vector<TokenRange>& images : Batches()) {
      const int64_t tokens = TokensOf(images);
      QuantizedRows all = PoisonedRows(tokens, width + 48);
      QuantizedRows rows{all.values_TK.narrow(1, 16, width), all.scale_T1};
      rows.values_TK.copy_(Random({tokens, width}, 100).to(at::kFloat).clamp(-kE4m3Max, kE4m3Max));
      rows.scale_T1.copy_(at::exp2(Random({tokens, 1}).to(at::kFloat)));
      const at::Tensor mean = Random({static_cast<int64_t>(images.size()), width}, 30).to(at::kFloat);
      const at::Tensor before = rows.values_TK.to(at::kFloat), scale = TokensOf(rows.scale_T1, images);
      AddMeanValues(images, mean, 0.3f, rows);
      const at::Tensor sum = TokensOf(before, images) * 0.3f + ForTokens(mean, images);
      const at::Tensor expected = at::minimum(at::maximum(sum, -kE4m3Max * scale), kE4m3Max * scale);
      const at::Tensor actual = TokensOf(rows.Dequantize(), images);
      const at::Tensor bound = 1.001 * at::maximum(expected.abs() / 16, scale / 1024);
      EXPECT_TRUE(((actual - expected).abs() <= bound).all().item<bool>()) << width << ", " << images.size();
      for (const TokenRange& image : images) {
        EXPECT_TRUE(IsSame(rows.values_TK[image.first - 1].to(at::kFloat), before[image.first - 1])) << "of no image";
      }
      EXPECT_TRUE(all.values_TK.narrow(1, 0, 16).to(at::kFloat).isnan().all().item<bool>());
      EXPECT_TRUE(all.values_TK.narrow(1, 16 + width, 32).to(at::kFloat).isnan().all().item<bool>());
    }
  }
}

TEST_F(CudaQuantizeQkvTest, TakesExtremes) {
  at::Tensor qkv = Random({4, 3 * 64});
  qkv[0].mul_(1e30);
  qkv[1].mul_(1e-30);
  qkv[2][5] = std::numeric_limits<float>::quiet_NaN();
  qkv[3].zero_();
  at::Tensor qkv8 = EmptyE4m3({4, 3 * 64}, at::kCUDA);
  QuantizeQkv(qkv, {{0, 4}}, at::zeros({1, 64}, at::kCUDA), 2, qkv8);
  const at::Tensor values = qkv8.to(at::kFloat);
  EXPECT_EQ(values[0].abs().min().item<float>(), kE4m3Max);
  EXPECT_EQ(values[1].abs().max().item<float>(), 0);
  EXPECT_TRUE(values[2][5].isnan().item<bool>());
  EXPECT_EQ(values.isnan().sum().item<int64_t>(), 1) << "NaN must reach its own element alone";
  EXPECT_EQ(values[3].abs().max().item<float>(), 0);
}

TEST_F(CudaQuantizeQkvTest, NanReachesTheMeanOfItsOwnColumnAndImageAndIsKept) {
  at::Tensor v = Random({900, 64});
  v.narrow(0, 0, 300).fill_(1e30);
  v.narrow(0, 300, 300).select(1, 9).fill_(std::numeric_limits<float>::quiet_NaN());
  const std::vector<TokenRange> images = {{0, 300}, {300, 300}, {600, 300}};
  const at::Tensor mean = MeanValues(v, images);
  EXPECT_NEAR(mean[0].min().item<float>() / 1e30, 1, 0.01);
  EXPECT_TRUE(mean[1][9].isnan().item<bool>());
  EXPECT_EQ(mean.isnan().sum().item<int64_t>(), 1);
  QuantizedRows rows = PoisonedRows(900, 64);
  rows.values_TK.fill_(1);
  rows.values_TK.view(at::kByte)[700].fill_(0x7f);
  rows.scale_T1.fill_(1);
  AddMeanValues(images, mean, 1, rows);
  const at::Tensor values = rows.values_TK.to(at::kFloat);
  EXPECT_EQ(values.narrow(0, 0, 300).min().item<float>(), kE4m3Max);
  EXPECT_EQ(values.isnan().sum().item<int64_t>(), 300 + 64);
  EXPECT_TRUE(values[700].isnan().all().item<bool>());
}

}  // namespace
}  // namespace vitok
