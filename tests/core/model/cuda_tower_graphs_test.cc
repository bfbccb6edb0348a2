// Towers through captured graphs against the same towers without; skipped where there is no GPU with cuDNN's attention.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#ifdef VITOK_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <atomic>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "core/base/str_cat.h"
#include "core/model/graph_shape.h"
#include "core/model/tower_graphs.h"
#include "core/tokens/pack.h"
#include "tests/support/cuda_test.h"
#include "tests/support/tensor_matchers.h"
#include "tests/support/tiny_model.h"

namespace vitok {
namespace {

constexpr int64_t kIn = 48;
constexpr int64_t kOut = 40;
constexpr int64_t kHeads = 2;

using Lengths = std::vector<int64_t>;

struct Params {
  Precision precision;
  int64_t head_dim;
  std::optional<int64_t> window;
};

class CudaTowerGraphsTest : public CudaTest, public testing::WithParamInterface<Params> {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    if (IsSkipped()) return;
    graphs_ = TowerGraphs::Create(GetParam().precision, at::Device(at::kCUDA, 0));
    ASSERT_NE(graphs_, nullptr);
  }

  static at::Tensor Random(at::IntArrayRef shape, at::ScalarType dtype) {
    return at::randn(shape, at::TensorOptions(at::kCUDA).dtype(dtype));
  }

  static BlockWeights RandomBlock(int64_t width, at::ScalarType dtype) {
    constexpr int64_t kHidden = 176;
    const auto matrix = [&](int64_t rows, int64_t cols) {
      return Random({rows, cols}, dtype) / std::sqrt(static_cast<double>(cols));
    };
    const auto vector = [&](int64_t size) { return 0.5 + 0.2 * Random({size}, dtype); };
    return {.norm1_W = vector(width),
            .qkv_3WW = matrix(3 * width, width),
            .norm_q_D = vector(width / kHeads),
            .norm_k_D = vector(width / kHeads),
            .out_WW = matrix(width, width),
            .fc1_2hW = matrix(2 * kHidden, width),
            .fc2_Wh = matrix(width, kHidden),
            .gamma_W = vector(width)};
  }

  static Tower MakeTower(bool norm_result, Precision precision = GetParam().precision) {
    const int64_t head_dim = GetParam().head_dim;
    const int64_t width = kHeads * head_dim;
    const at::ScalarType dtype = precision == Precision::kFloat32 ? at::kFloat : at::kBFloat16;
    Tower tower{.in = Linear(Random({width, kIn}, dtype) / 7, Random({width}, dtype)),
                .rope_frequency_F = RopeFrequencies(head_dim, at::kCUDA),
                .out = Linear(Random({kOut, width}, dtype) / 11, Random({kOut}, dtype)),
                .norm_result = norm_result};
    for (int i = 0; i < 3; ++i) tower.blocks.push_back(Block::Create(RandomBlock(width, dtype), kHeads, precision));
    return tower;
  }

  static TokenLayout LayoutOf(const Lengths& lengths) {
    TokenLayout layout;
    layout.offsets = {0};
    for (const int64_t length : lengths) layout.offsets.push_back(layout.offsets.back() + length);
    layout.images.resize(lengths.size());
    const auto options = at::TensorOptions(at::kCUDA).dtype(at::kInt);
    layout.row_T = at::randint(40, {layout.num_tokens()}, options);
    layout.col_T = at::randint(40, {layout.num_tokens()}, options);
    layout.cu_I1 = at::tensor(layout.offsets, at::kInt).to(at::kCUDA);
    return layout;
  }

  std::optional<at::Tensor> Replay(const Tower& tower, const at::Tensor& x_TC, const TokenLayout& layout,
                                   AutoencoderHalf half = AutoencoderHalf::kEncoder) {
    return graphs_->Run(half, tower, x_TC, layout, GetParam().window);
  }

  static at::Tensor Expected(const Tower& tower, const at::Tensor& x_TC, const TokenLayout& layout) {
    return tower.Forward(x_TC, {{.offsets = layout.offsets, .window = GetParam().window, .cu_I1 = layout.cu_I1},
                                {layout.row_T, layout.col_T, tower.rope_frequency_F}});
  }

  static double Bound() { return GetParam().precision == Precision::kFp8 ? 0.12 : 0.02; }

  // A batch of random tokens; fails unless it went through a graph.
  void ExpectReplayEqualsForward(const Tower& tower, const Lengths& lengths,
                                 AutoencoderHalf half = AutoencoderHalf::kEncoder) {
    const TokenLayout layout = LayoutOf(lengths);
    const at::Tensor x_TC = Random({layout.num_tokens(), kIn}, at::kBFloat16);
    const std::optional<at::Tensor> replayed = Replay(tower, x_TC, layout, half);
    ASSERT_TRUE(replayed.has_value());
    const at::Tensor expected = Expected(tower, x_TC, layout);
    ASSERT_EQ(replayed->sizes(), expected.sizes());
    ASSERT_TRUE(at::isfinite(*replayed).all().item<bool>());
    if (GraphShapeOf(layout.offsets)->equal_images) {
      EXPECT_TRUE(at::equal(*replayed, expected));
    } else {
      const auto distance = (replayed->to(at::kFloat) - expected.to(at::kFloat)).norm();
      EXPECT_LT((distance / expected.to(at::kFloat).norm()).item<double>(), Bound());
    }
  }

  const c10::InferenceMode inference_;
  std::unique_ptr<TowerGraphs> graphs_;
};

INSTANTIATE_TEST_SUITE_P(, CudaTowerGraphsTest,
                         testing::Values(Params{Precision::kBfloat16, 64, {}}, Params{Precision::kBfloat16, 72, {}},
                                         Params{Precision::kBfloat16, 64, 9}, Params{Precision::kFp8, 64, {}},
                                         Params{Precision::kFp8, 72, {}}),
                         [](const auto& info) {
                           return StrCat(PrecisionName(info.param.precision), info.param.head_dim,
                                         info.param.window ? "Window" : "");
                         });

TEST_P(CudaTowerGraphsTest, BatchesOfOneShapeShareAGraph) {
  for (const bool is_encoder : {true, false}) {
    const Tower tower = MakeTower(is_encoder);
    const AutoencoderHalf half = is_encoder ? AutoencoderHalf::kEncoder : AutoencoderHalf::kDecoder;
    const int64_t before = graphs_->num_graphs();
    for (const Lengths& lengths : {Lengths{100, 156}, {129, 3, 1}, {0, 200, 7}, {250, 2}, {64, 140, 30, 22}}) {
      SCOPED_TRACE(testing::PrintToString(lengths));
      ExpectReplayEqualsForward(tower, lengths, half);
    }
    EXPECT_EQ(graphs_->num_graphs(), before + 1);
  }
}

TEST_P(CudaTowerGraphsTest, NothingOfAnEarlierBatchIsLeft) {
  const Tower tower = MakeTower(true);
  const TokenLayout poisoned = LayoutOf({100, 156});
  const at::Tensor nan_TC =
      at::full({256, kIn}, std::numeric_limits<float>::quiet_NaN(), at::TensorOptions(at::kCUDA).dtype(at::kBFloat16));
  for (const Lengths& lengths : {Lengths{131, 2}, {100, 130}, {255, 0}}) {
    ASSERT_TRUE(Replay(tower, nan_TC, poisoned).has_value());
    ExpectReplayEqualsForward(tower, lengths);
  }
  EXPECT_EQ(graphs_->num_graphs(), 1);
}

TEST_P(CudaTowerGraphsTest, ShapesMayAlternate) {
  const Tower tower = MakeTower(false);
  const std::vector<Lengths> batches = {{256},  {1},      {128},    {129},      {64, 64, 64, 64},
                                        {2048}, {2047},   {7, 500}, {512, 512}, Lengths(kMaxGraphImages, 5),
                                        {1025}, {64, 320}};
  for (int round = 0; round < 2; ++round) {
    for (const Lengths& lengths : batches) {
      SCOPED_TRACE(testing::PrintToString(lengths));
      ExpectReplayEqualsForward(tower, lengths);
    }
  }
  EXPECT_EQ(graphs_->num_graphs(), static_cast<int64_t>(batches.size()));
}

TEST_P(CudaTowerGraphsTest, LargeBatchesAreLeftToTheTower) {
  const Tower tower = MakeTower(true);
  for (const Lengths& lengths : {Lengths{kMaxGraphTokens, 1}, Lengths(kMaxGraphImages + 1, 2)}) {
    const TokenLayout layout = LayoutOf(lengths);
    EXPECT_FALSE(Replay(tower, Random({layout.num_tokens(), kIn}, at::kBFloat16), layout).has_value());
  }
  EXPECT_EQ(graphs_->num_graphs(), 0);
}

#ifdef VITOK_CUDA
TEST_P(CudaTowerGraphsTest, BatchesMayComeOnSeveralStreams) {
  const Tower tower = MakeTower(true);
  const std::vector<Lengths> batches = {{100, 156}, {129, 3}, {100, 100}, {256, 256}};
  for (int i = 0; i < 12; ++i) {
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool());
    ExpectReplayEqualsForward(tower, batches[i % batches.size()]);
  }
}

TEST_P(CudaTowerGraphsTest, OthersMayUseTheDeviceDuringACapture) {
  const Tower tower = MakeTower(true);
  std::atomic<bool> stop = false;
  std::atomic<int64_t> rounds = 0, wrong = 0;
  std::thread other([&] {
    const c10::InferenceMode inference;
    const c10::cuda::CUDAStreamGuard guard(c10::cuda::getStreamFromPool());
    for (int64_t size = 1 << 16; !stop; size = (size + (1 << 20)) % (1 << 25)) {
      const at::Tensor host = at::ones({size}, at::TensorOptions(at::kFloat).pinned_memory(true));
      const at::Tensor device = host.to(at::kCUDA, /*non_blocking=*/true);
      if (device.sum().item<float>() != static_cast<float>(size)) ++wrong;
      ++rounds;
    }
  });
  while (rounds == 0) std::this_thread::yield();
  for (const Lengths& lengths : {Lengths{100, 156}, {129}, {400}, {7, 500}, {700}, {1000}}) {
    ExpectReplayEqualsForward(tower, lengths);
  }
  stop = true;
  other.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(graphs_->num_graphs(), 6);
}

TEST_P(CudaTowerGraphsTest, AttentionThatReadsLengthsOnTheHostIsNotCaptured) {
  const Tower tower = MakeTower(true, Precision::kFloat32);
  graphs_ = MakeTowerGraphsCuda(at::kCUDA);
  const TokenLayout layout = LayoutOf({5, 7});
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(Replay(tower, Random({12, kIn}, at::kFloat), layout).has_value());
  EXPECT_EQ(graphs_->num_graphs(), 0);
}

// A block that waits for the device, which a capture does not survive.
class WaitingBlock final : public Block {
 public:
  WaitingBlock(const BlockWeights& weights, Precision precision)
      : Block(weights, kHeads), block_(Block::Create(weights, kHeads, precision)) {}

  BlockScratch MakeScratch(const AttentionLayout& attention) const override { return block_->MakeScratch(attention); }

  void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const override {
    block_->Forward(x_TW, attention, scratch);
    static_cast<void>(x_TW.sum().item<float>());
  }

 private:
  const std::unique_ptr<Block> block_;
};

TEST_P(CudaTowerGraphsTest, GoesOnAfterAFailedCapture) {
  Tower waiting = MakeTower(true);
  const int64_t width = kHeads * GetParam().head_dim;
  waiting.blocks.push_back(std::make_unique<WaitingBlock>(RandomBlock(width, at::kBFloat16), GetParam().precision));
  const TokenLayout layout = LayoutOf({5, 7});
  const at::Tensor x_TC = Random({12, kIn}, at::kBFloat16);
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(Replay(waiting, x_TC, layout, AutoencoderHalf::kDecoder).has_value());
    EXPECT_TRUE(at::isfinite(Expected(waiting, x_TC, layout)).all().item<bool>());
  }
  const Tower tower = MakeTower(true);
  for (const Lengths& lengths : {Lengths{5, 7}, {256}, {900, 3}}) ExpectReplayEqualsForward(tower, lengths);
  EXPECT_EQ(graphs_->num_graphs(), 3);
}
#endif

TEST_P(CudaTowerGraphsTest, ServeAModel) {
  const std::string half = StrCat("w", kHeads * GetParam().head_dim, "_d3_h", kHeads);
  AutoencoderConfig config = *AutoencoderConfig::FromVariant(StrCat(half, "-", half, "/1x8x16"));
  config.sliding_window = GetParam().window;
  const auto make = [&] {
    return *Autoencoder::Create(config, RandomWeights(config, at::kFloat), GetParam().precision, at::kCUDA);
  };
  const Autoencoder model = make();
  Autoencoder plain = make();
  plain.DisableGraphs();
  for (const auto& [rows, cols] : {std::pair{16, 16}, {9, 7}, {16, 8}, {40, 60}}) {
    const PackedPatches patches =
        PackPatches({RandomImage(config, rows, cols, rows)}, {.dtype = model.dtype(), .device = model.device()});
    const PackedLatents z = model.Encode(patches), expected_z = plain.Encode(patches);
    const PackedPatches out = model.Decode(expected_z), expected_out = plain.Decode(expected_z);
    const auto error = [](const at::Tensor& actual, const at::Tensor& expected) {
      const at::Tensor wanted = expected.to(at::kFloat);
      return ((actual.to(at::kFloat) - wanted).norm() / wanted.norm()).item<double>();
    };
    EXPECT_LT(error(z.z_TZ, expected_z.z_TZ), Bound()) << rows << " x " << cols;
    EXPECT_LT(error(out.patches_TD, expected_out.patches_TD), Bound()) << rows << " x " << cols;
  }
}

TEST(TowerGraphsTest, ThereAreNoneOnTheCpuAndInFloat32) {
  EXPECT_EQ(TowerGraphs::Create(Precision::kBfloat16, at::kCPU), nullptr);
  EXPECT_EQ(TowerGraphs::Create(Precision::kFloat32, at::Device(at::kCUDA, 0)), nullptr);
}

}  // namespace
}  // namespace vitok
