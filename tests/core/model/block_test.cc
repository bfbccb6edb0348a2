#include "core/model/block.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>
#include <utility>

#include "core/model/aten_block.h"
#include "core/model/cpu_block.h"
#include "core/model/cuda_block.h"
#include "core/model/cuda_fp8_block.h"
#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"
#include "core/ops/swiglu.h"
#include "core/ops/varlen_attention.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

constexpr int64_t kHeads = 3;
constexpr int64_t kWidth = 48;  // head dimension 16; fp8 takes multiples of 16
constexpr int64_t kHidden = 48;
constexpr int64_t kTokens = 150;

class BlockTest : public ::testing::Test {
 protected:
  BlockTest() {
    at::manual_seed(3);
    weights_ = Weights(kWidth, kHeads, kHidden);
    x_TW_ = at::randn({kTokens, kWidth});
    positions_ = {at::randint(40, {kTokens}, at::kInt), at::randint(40, {kTokens}, at::kInt),
                  RopeFrequencies(kWidth / kHeads, at::kCPU)};
  }

  static BlockWeights Weights(int64_t width, int64_t heads, int64_t hidden) {
    const auto matrix = [](int64_t out, int64_t in) { return at::randn({out, in}) / std::sqrt(in); };
    return {.norm1_W = at::rand({width}) + 0.5,
            .qkv_3WW = matrix(3 * width, width),
            .norm_q_D = at::rand({width / heads}) + 0.5,
            .norm_k_D = at::rand({width / heads}) + 0.5,
            .out_WW = matrix(width, width),
            .fc1_2hW = matrix(2 * hidden, width),
            .fc2_Wh = matrix(width, hidden),
            .gamma_W = at::rand({width})};
  }

  static BlockWeights As(const BlockWeights& weights, at::ScalarType dtype, at::Device device) {
    const auto as = [&](const at::Tensor& weight) { return weight.to(device, dtype); };
    return {as(weights.norm1_W), as(weights.qkv_3WW), as(weights.norm_q_D), as(weights.norm_k_D),
            as(weights.out_WW),  as(weights.fc1_2hW), as(weights.fc2_Wh),   as(weights.gamma_W)};
  }

  at::Tensor Run(const Block& block, std::optional<int64_t> window, at::ScalarType dtype = at::kFloat,
                 at::Device device = at::kCPU) const {
    at::Tensor x_TW = x_TW_.to(device, dtype, /*non_blocking=*/false, /*copy=*/true);
    const RopePositions positions{positions_.row_T.to(device), positions_.col_T.to(device),
                                  positions_.frequency_F.to(device)};
    const AttentionLayout attention{{offsets_, window}, positions};
    BlockScratch scratch = block.MakeScratch(attention);
    block.Forward(x_TW, attention, scratch);
    Block::Finish(x_TW, scratch);
    return x_TW.to(at::kCPU);
  }

  static double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual.to(at::kFloat) - expected).norm() / expected.norm()).item<double>();
  }

  // The formula, with nothing folded.
  at::Tensor Expected(std::optional<int64_t> window) const {
    const at::Tensor h = RmsNormReference(x_TW_, weights_.norm1_W);
    at::Tensor qkv = at::linear(h, weights_.qkv_3WW).view({kTokens, 3, kHeads, kWidth / kHeads});
    QkNormRopeReference(qkv, weights_.norm_q_D, weights_.norm_k_D, MakeRopeTable(positions_));
    const at::Tensor attended =
        VarlenAttentionReference(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), offsets_, window);
    const at::Tensor mlp = at::linear(SwiGluReference(at::linear(h, weights_.fc1_2hW)), weights_.fc2_Wh);
    return x_TW_ + weights_.gamma_W * (at::linear(attended.flatten(1), weights_.out_WW) + mlp);
  }

  const c10::InferenceMode inference_;
  BlockWeights weights_;
  at::Tensor x_TW_;
  const std::vector<int64_t> offsets_ = {0, 1, 70, kTokens};
  RopePositions positions_;
};

TEST_F(BlockTest, EveryFormEqualsTheFormula) {
  const CpuBlock cpu(weights_, kHeads);
  const AtenBlock aten(weights_, kHeads);
  for (const std::optional<int64_t> window : {std::optional<int64_t>(), {5}}) {
    const at::Tensor expected = Expected(window);
    EXPECT_TRUE(IsNear(Run(cpu, window), expected, 1e-5)) << window.value_or(-1);
    EXPECT_TRUE(IsNear(Run(aten, window), expected, 1e-5)) << window.value_or(-1);
  }
}

// The forms for a GPU, on the CPU through the definitions of their ops; on a GPU through its kernels.
TEST_F(BlockTest, FormsForAGpuEqualTheFormulaUpToTheirPrecision) {
  for (const at::Device device : {at::Device(at::kCPU), at::Device(at::kCUDA)}) {
    if (device.is_cuda() && !at::hasCUDA()) continue;
    const BlockWeights weights = As(weights_, at::kBFloat16, device);
    const CudaBlock bfloat16(weights, kHeads);
    const CudaFp8Block fp8(weights, kHeads);
    for (const std::optional<int64_t> window : {std::optional<int64_t>(), {5}}) {
      const at::Tensor expected = Expected(window);
      EXPECT_TRUE(IsNear(Run(bfloat16, window, at::kBFloat16, device), expected, 0.08)) << device;
      EXPECT_LT(RelativeError(Run(bfloat16, window, at::kBFloat16, device), expected), 0.006) << device;
      EXPECT_LT(RelativeError(Run(fp8, window, at::kBFloat16, device), expected), 0.04) << device;
    }
  }
}

// On both sides of the number of tokens at which the first product changes. The hidden size is no multiple of a group
// in the last case.
TEST_F(BlockTest, BatchesOfAnyLengthEqualTheFormOfTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU (or a build without CUDA)";
  constexpr int64_t kWide = 128, kWideHeads = 2;
  for (const auto& [tokens, hidden] : std::vector<std::pair<int64_t, int64_t>>{
           {Block::kShortTokens, 336}, {Block::kShortTokens + 1, 336}, {1025, 336}, {Block::kShortTokens + 1, 343}}) {
    const BlockWeights weights = Weights(kWide, kWideHeads, hidden);
    const at::Tensor x_TW = at::randn({tokens, kWide});
    const RopePositions positions{at::randint(40, {tokens}, at::kInt), at::randint(40, {tokens}, at::kInt),
                                  RopeFrequencies(kWide / kWideHeads, at::kCPU)};
    const AttentionLayout layout{{{0, 100, tokens}, std::nullopt}, positions};
    const auto run = [&](const Block& block, at::Tensor x, const AttentionLayout& attention) {
      BlockScratch scratch = block.MakeScratch(attention);
      block.Forward(x, attention, scratch);
      Block::Finish(x, scratch);
      return x.cpu();
    };
    const at::Tensor expected = run(CpuBlock(weights, kWideHeads), x_TW.clone(), layout);
    const AttentionLayout on_gpu{layout.batch,
                                 {positions.row_T.cuda(), positions.col_T.cuda(), positions.frequency_F.cuda()}};
    const CudaBlock block(As(weights, at::kBFloat16, at::kCUDA), kWideHeads);
    const at::Tensor actual = run(block, x_TW.to(at::kCUDA, at::kBFloat16), on_gpu);
    EXPECT_LT(RelativeError(actual, expected), 0.006) << tokens << " tokens, hidden " << hidden;
    if (hidden % Fp8Linear::kAlignment != 0) continue;
    const CudaFp8Block fp8(As(weights, at::kBFloat16, at::kCUDA), kWideHeads);
    const at::Tensor actual8 = run(fp8, x_TW.to(at::kCUDA, at::kBFloat16), on_gpu);
    EXPECT_LT(RelativeError(actual8, expected), 0.04) << tokens << " tokens, hidden " << hidden;
  }
}

// Images that are long enough for attention in e4m3 among others, with the first product of either kind: an image's
// result must not depend on those beside it.
TEST_F(BlockTest, LongImagesInFp8EqualTheFormulaAloneAndAmongOthers) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU (or a build without CUDA)";
  constexpr int64_t kLong = 4160, kShort = 300;
  for (const auto& [width, heads, hidden] :
       std::vector<std::tuple<int64_t, int64_t, int64_t>>{{128, 2, 336}, {1040, 13, 1600}, {256, 2, 336}}) {
    const BlockWeights weights = As(Weights(width, heads, hidden), at::kFloat, at::kCUDA);
    const at::Tensor x_TW = at::randn({kLong + 2 * kShort, width}, at::TensorOptions(at::kCUDA));
    const auto run = [&, heads = heads](const Block& block, at::ScalarType dtype, std::vector<int64_t> offsets,
                                        int64_t first) {
      const int64_t tokens = offsets.back();
      at::Tensor x = x_TW.narrow(0, first, tokens).to(dtype, /*non_blocking=*/false, /*copy=*/true);
      const at::Tensor position_T = at::arange(first, first + tokens, x.options().dtype(at::kInt));
      const AttentionLayout layout{{std::move(offsets), std::nullopt},
                                   {position_T.floor_divide(64).to(at::kInt), position_T.remainder(64).to(at::kInt),
                                    RopeFrequencies(x.size(1) / heads, at::kCUDA)}};
      BlockScratch scratch = block.MakeScratch(layout);
      block.Forward(x, layout, scratch);
      Block::Finish(x, scratch);
      return std::pair(x.to(at::kFloat), scratch.path());
    };
    const std::vector<int64_t> offsets = {0, kShort, kShort + kLong, 2 * kShort + kLong};
    const AtenBlock reference(weights, heads);
    const CudaFp8Block fp8(As(weights, at::kBFloat16, at::kCUDA), heads);
    const at::Tensor expected = run(reference, at::kFloat, offsets, 0).first;
    const auto [actual, path] = run(fp8, at::kBFloat16, offsets, 0);
    EXPECT_EQ(AttentionPathName(path), "packed_fp8");
    EXPECT_LT(RelativeError(actual, expected), 0.04) << width;
    const auto [alone, path_alone] = run(fp8, at::kBFloat16, {0, kLong}, kShort);
    EXPECT_EQ(AttentionPathName(path_alone), "dense_fp8");
    EXPECT_LT(RelativeError(alone, actual.narrow(0, kShort, kLong)), 0.01) << width;
    const auto [others, path_of_others] = run(fp8, at::kBFloat16, {0, kShort}, 0);
    EXPECT_EQ(AttentionPathName(path_of_others), "packed");
    EXPECT_LT(RelativeError(others, actual.narrow(0, 0, kShort)), 0.01) << width;
  }
}

TEST_F(BlockTest, Fp8LeavesItsResultForTheNextNorm) {
  const BlockWeights weights = As(weights_, at::kBFloat16, at::kCPU);
  const CudaFp8Block block(weights, kHeads);
  const AttentionLayout attention{{offsets_, std::nullopt}, positions_};
  at::Tensor x_TW = x_TW_.to(at::kBFloat16);
  const at::Tensor once = Run(block, std::nullopt, at::kBFloat16, at::kCPU);
  BlockScratch scratch = block.MakeScratch(attention);
  block.Forward(x_TW, attention, scratch);
  EXPECT_TRUE(scratch.pending);
  block.Forward(x_TW, attention, scratch);
  EXPECT_TRUE(IsSame(x_TW, once)) << "the second block adds what the first has left";
}

TEST_F(BlockTest, TakesTheCpuFormForWeightsOnTheCpu) {
  EXPECT_NE(dynamic_cast<CpuBlock*>(Block::Create(weights_, kHeads, Precision::kFloat32).get()), nullptr);
}

}  // namespace
}  // namespace vitok
