#include "core/ops/short_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/ops/qkv_swiglu.h"
#include "core/ops/varlen_attention.h"
#include "tests/support/cuda_test.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

constexpr int64_t kHeadDim = 64;

class CudaShortBlockTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    if (IsSkipped()) return;
    if (!HasShortBlockKernels(Weights(128, 8), 1)) GTEST_SKIP() << "no kernels for this GPU";
  }

  static at::Tensor Random(at::IntArrayRef shape, double scale = 1) {
    return (at::randn(shape, at::TensorOptions(at::kCUDA)) * scale).to(at::kBFloat16);
  }

  static ShortBlockWeights Weights(int64_t width, int64_t hidden) {
    const auto matrix = [](int64_t rows, int64_t columns) {
      return Random({rows, columns}, 1 / std::sqrt(static_cast<double>(columns)));
    };
    return {.in_PW = InterleaveMlp(matrix(3 * width + 2 * hidden, width), hidden),
            .norm_q_D = Random({kHeadDim}),
            .norm_k_D = Random({kHeadDim}),
            .out_WK = matrix(width, width + hidden)};
  }

  static RopePositions Positions(int64_t tokens) {
    const auto options = at::TensorOptions(at::kCUDA).dtype(at::kInt);
    return {at::randint(60, {tokens}, options), at::randint(60, {tokens}, options),
            RopeFrequencies(kHeadDim, at::kCUDA)};
  }

  static at::Tensor Cu(const std::vector<int64_t>& offsets) { return at::tensor(offsets, at::kInt).to(at::kCUDA); }

  // Off by no more than a few roundings to bfloat16, on average.
  static void ExpectClose(const at::Tensor& actual, const at::Tensor& expected, const char* what) {
    ASSERT_EQ(actual.sizes(), expected.sizes());
    const at::Tensor off = actual.to(at::kDouble) - expected.to(at::kDouble);
    EXPECT_LE(off.norm().item<double>(), 0.003 * expected.to(at::kDouble).norm().item<double>()) << what;
    EXPECT_LE(off.abs().max().item<double>(), 0.02 * expected.abs().max().item<double>()) << what;
  }

  // Two blocks in a row, each step against the definition in float64 of what the kernels have made before it.
  static void ExpectReference(const ShortBlockWeights& weights, const at::Tensor& x_TW,
                              const std::vector<int64_t>& offsets) {
    const int64_t tokens = x_TW.size(0), width = x_TW.size(1), hidden = weights.out_WK.size(1) - width;
    SCOPED_TRACE(testing::Message() << tokens << " tokens, " << offsets.size() - 1 << " images, width " << width);
    ASSERT_TRUE(HasShortBlockKernels(weights, tokens));
    const RopePositions positions = Positions(tokens);
    const ShortBlockWeights exact{weights.in_PW.to(at::kDouble), weights.norm_q_D.to(at::kDouble),
                                  weights.norm_k_D.to(at::kDouble), weights.out_WK.to(at::kDouble)};
    at::Tensor x = x_TW.clone();
    ShortBlockScratch scratch = ShortBlockScratch::For(tokens, weights);
    for (int block = 0; block < 2; ++block) {
      at::Tensor before = x.to(at::kDouble), through = before.clone();
      ShortBlockScratch expected = ShortBlockScratch::For(tokens, exact);
      ShortBlockReference(exact, positions, Cu(offsets), through, expected);
      ShortBlock(weights, positions, Cu(offsets), x, scratch);
      ExpectClose(scratch.qkv_TQ, expected.qkv_TQ, "queries, keys and values");
      ExpectClose(scratch.out_TK.narrow(1, width, hidden), expected.out_TK.narrow(1, width, hidden), "hidden state");
      const at::Tensor qkv_T3HD = scratch.qkv_TQ.to(at::kDouble).unflatten(1, {3, -1, kHeadDim});
      std::vector<int64_t> all = offsets;
      all.push_back(tokens);  // the tokens of no image
      at::Tensor attended = VarlenAttentionReference(qkv_T3HD.select(1, 0), qkv_T3HD.select(1, 1),
                                                     qkv_T3HD.select(1, 2), all, /*window=*/{})
                                .flatten(1);
      attended.narrow(0, offsets.back(), tokens - offsets.back()).zero_();
      ExpectClose(scratch.out_TK.narrow(1, 0, width), attended, "attention");
      ExpectClose(x, before + at::matmul(scratch.out_TK.to(at::kDouble), exact.out_WK.t()), "x");
    }
  }
};

TEST_F(CudaShortBlockTest, EqualsTheDefinitionForAnyNumberOfTokens) {
  for (const auto& [width, hidden] : std::vector<std::pair<int64_t, int64_t>>{{1024, 2736}, {128, 8}, {384, 1000}}) {
    const ShortBlockWeights weights = Weights(width, hidden);
    for (const int64_t tokens : {1, 2, 63, 65, 127, 128, 129, 200, 255, 256}) {
      ExpectReference(weights, Random({tokens, width}), {0, tokens});
    }
  }
}

TEST_F(CudaShortBlockTest, ImagesDoNotSeeEachOther) {
  const ShortBlockWeights weights = Weights(256, 336);
  ExpectReference(weights, Random({256, 256}), {0, 0, 1, 1, 100, 101, 237, 256, 256});
  std::vector<int64_t> offsets(1, 0);
  while (offsets.back() < 256) offsets.push_back(offsets.back() + 4);
  ExpectReference(weights, Random({256, 256}), offsets);

  const at::Tensor x = Random({256, 256}), cu = Cu({0, 100, 256});
  const RopePositions positions = Positions(256);
  const auto run = [&](at::Tensor x_TW) {
    ShortBlockScratch scratch = ShortBlockScratch::For(256, weights);
    ShortBlock(weights, positions, cu, x_TW, scratch);
    return x_TW;
  };
  const at::Tensor first = run(x.clone()).narrow(0, 0, 100);
  at::Tensor other = x.clone();
  other.narrow(0, 100, 156).mul_(1000);
  EXPECT_TRUE(IsSame(run(other).narrow(0, 0, 100), first));
  for (const float value : {NAN, INFINITY}) {
    at::Tensor poisoned = x.clone();
    poisoned[150].fill_(value);
    const at::Tensor result = run(poisoned);
    EXPECT_TRUE(IsSame(result.narrow(0, 0, 100), first));
    EXPECT_TRUE(result.narrow(0, 100, 156).isnan().all().item<bool>()) << "it is not hidden";
  }
}

// Values may overflow where queries and keys, which are normed, do not.
TEST_F(CudaShortBlockTest, ValuesThatAreNotFiniteStayInTheirImage) {
  constexpr int64_t kWidth = 256;
  ShortBlockWeights weights = Weights(kWidth, 336);
  weights.in_PW.narrow(0, 2 * kWidth, kWidth).select(1, 0).fill_(1e38);
  at::Tensor x = Random({200, kWidth});
  x.select(1, 0).zero_();
  const RopePositions positions = Positions(200);
  const auto attend = [&](const at::Tensor& x_TW) {
    at::Tensor through = x_TW.clone();
    ShortBlockScratch scratch = ShortBlockScratch::For(200, weights);
    ShortBlock(weights, positions, Cu({0, 100, 170, 200}), through, scratch);
    return scratch.out_TK.narrow(1, 0, kWidth).clone();
  };
  const at::Tensor before = attend(x);
  EXPECT_TRUE(before.isfinite().all().item<bool>());
  x[120].zero_();
  x[120][0] = 1;
  const at::Tensor after = attend(x);
  EXPECT_TRUE(IsSame(after.narrow(0, 0, 100), before.narrow(0, 0, 100)));
  EXPECT_TRUE(IsSame(after.narrow(0, 170, 30), before.narrow(0, 170, 30)));
  EXPECT_FALSE(after.narrow(0, 100, 70).isfinite().any().item<bool>()) << "it is not hidden";
}

TEST_F(CudaShortBlockTest, TokensOfNoImageAttendToNothing) {
  const ShortBlockWeights weights = Weights(128, 96);
  ExpectReference(weights, Random({256, 128}), {0, 70, 130});
  ExpectReference(weights, Random({128, 128}), {0, 1, 1, 1});
}

TEST_F(CudaShortBlockTest, TakesLargeAndSmallValues) {
  const ShortBlockWeights weights = Weights(256, 512);
  for (const double scale : {1e-6, 1e6, 1e15}) ExpectReference(weights, Random({200, 256}, scale), {0, 150, 200});
  ExpectReference(weights, at::zeros({256, 256}, weights.out_WK.options()), {0, 256});
  at::Tensor outlier = Random({256, 256});
  outlier.select(1, 77).mul_(1e4);
  ExpectReference(weights, outlier, {0, 256});
  ShortBlockWeights sharp = weights;  // scores beyond what exp takes
  sharp.norm_q_D = weights.norm_q_D * 30;
  ExpectReference(sharp, Random({256, 256}), {0, 256});
}

TEST_F(CudaShortBlockTest, RowsMayLieApartAndKeepTheirNeighbours) {
  const ShortBlockWeights weights = Weights(128, 96);
  const RopePositions positions = Positions(77);
  at::Tensor rows = Random({80, 128 + 16}), plain = rows.narrow(0, 0, 77).narrow(1, 8, 128).clone();
  const at::Tensor before = rows.clone();
  at::Tensor x = rows.narrow(0, 0, 77).narrow(1, 8, 128);
  ShortBlockScratch scratch = ShortBlockScratch::For(77, weights), other = ShortBlockScratch::For(77, weights);
  ShortBlock(weights, positions, Cu({0, 77}), x, scratch);
  ShortBlock(weights, positions, Cu({0, 77}), plain, other);
  EXPECT_TRUE(IsSame(x, plain));
  x.copy_(before.narrow(0, 0, 77).narrow(1, 8, 128));
  EXPECT_TRUE(IsSame(rows, before)) << "nothing else was written";
}

TEST_F(CudaShortBlockTest, RefusesOtherShapes) {
  EXPECT_TRUE(HasShortBlockKernels(Weights(128, 8), 256));
  EXPECT_FALSE(HasShortBlockKernels(Weights(128, 8), 257));
  EXPECT_FALSE(HasShortBlockKernels(Weights(128, 8), 0));
  EXPECT_FALSE(HasShortBlockKernels(Weights(192, 8), 256)) << "half a tile of columns";
  ShortBlockWeights weights = Weights(128, 8);
  weights.norm_q_D = Random({32});
  EXPECT_FALSE(HasShortBlockKernels(weights, 256)) << "other heads";
  weights = Weights(128, 8);
  weights.out_WK = weights.out_WK.to(at::kFloat);
  EXPECT_FALSE(HasShortBlockKernels(weights, 256)) << "float32";
}

}  // namespace
}  // namespace vitok
