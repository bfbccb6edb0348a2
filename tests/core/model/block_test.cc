#include "core/model/block.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/model/aten_block.h"
#include "core/model/cpu_block.h"
#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"
#include "core/ops/swiglu.h"
#include "core/ops/varlen_attention.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

constexpr int64_t kHeads = 3;
constexpr int64_t kWidth = 72;  // head dimension 24: no multiple of the kernels' vectors
constexpr int64_t kHidden = 40;
constexpr int64_t kTokens = 150;

class BlockTest : public ::testing::Test {
 protected:
  BlockTest() {
    at::manual_seed(3);
    const auto matrix = [](int64_t out, int64_t in) { return at::randn({out, in}) / std::sqrt(in); };
    weights_ = {.norm1_W = at::rand({kWidth}) + 0.5,
                .qkv_3WW = matrix(3 * kWidth, kWidth),
                .norm_q_D = at::rand({kWidth / kHeads}) + 0.5,
                .norm_k_D = at::rand({kWidth / kHeads}) + 0.5,
                .out_WW = matrix(kWidth, kWidth),
                .fc1_2hW = matrix(2 * kHidden, kWidth),
                .fc2_Wh = matrix(kWidth, kHidden),
                .gamma_W = at::rand({kWidth})};
    x_TW_ = at::randn({kTokens, kWidth});
    rope_ = MakeRopeTable(at::randint(40, {kTokens}, at::kInt), at::randint(40, {kTokens}, at::kInt), kWidth / kHeads);
  }

  at::Tensor Run(const Block& block, std::optional<int64_t> window) const {
    at::Tensor x_TW = x_TW_.clone();
    BlockScratch scratch = block.MakeScratch(kTokens);
    block.Forward(x_TW, {{offsets_, window}, rope_}, scratch);
    return x_TW;
  }

  // The formula, with nothing folded.
  at::Tensor Expected(std::optional<int64_t> window) const {
    const at::Tensor h = RmsNormReference(x_TW_, weights_.norm1_W);
    at::Tensor qkv = at::linear(h, weights_.qkv_3WW).view({kTokens, 3, kHeads, kWidth / kHeads});
    QkNormRopeReference(qkv, weights_.norm_q_D, weights_.norm_k_D, rope_);
    const at::Tensor attended =
        VarlenAttentionReference(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), offsets_, window);
    const at::Tensor mlp = at::linear(SwiGluReference(at::linear(h, weights_.fc1_2hW)), weights_.fc2_Wh);
    return x_TW_ + weights_.gamma_W * (at::linear(attended.flatten(1), weights_.out_WW) + mlp);
  }

  const c10::InferenceMode inference_;
  BlockWeights weights_;
  at::Tensor x_TW_;
  const std::vector<int64_t> offsets_ = {0, 1, 70, kTokens};
  RopeTable rope_;
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

TEST_F(BlockTest, TakesTheCpuFormForWeightsOnTheCpu) {
  EXPECT_NE(dynamic_cast<CpuBlock*>(Block::Create(weights_, kHeads).get()), nullptr);
}

}  // namespace
}  // namespace vitok
