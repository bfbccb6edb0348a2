// Attention in e4m3 on a GPU against the definition in float32 over the same e4m3 inputs; skipped where there is no GPU
// of compute capability 9.
//
// Bound: scores are computed in float32. A weight w = exp(s - m) <= 1, m the largest score so far, is rounded to e4m3
// after it is multiplied by 256: by 2^-4 of itself, or by 2^-18 where that is more. Sums are float32 (or at least 13
// bits below their largest term), and the result is rounded to e4m3: by 2^-4 of itself or 2^-10. With p the softmax, so
// that w / sum(w) <= p and max(p) = 1 / sum(w):
//   |out - exact| <= 2^-4 |out| + 2^-10 + 2^-4 sum(p |v|) + 2^-18 max(p) sum(|v|), and 2^-10 of sum(p |v|) for the
//   sums.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#ifdef VITOK_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include "core/ops/varlen_attention.h"
#include "tests/core/ops/hopper_attention_test.h"

namespace vitok {
namespace {

// Queries, keys and values as columns of wider rows, and the result beside other columns, as in a block, with guard
// rows of NaN before and after the tokens.
class Buffers {
 public:
  Buffers(int64_t tokens, int64_t heads, int64_t head_dim, int64_t seed) : width_(heads * head_dim) {
    at::manual_seed(seed);
    const auto options = at::TensorOptions().device(at::kCUDA);
    at::Tensor qkv = at::randn({tokens, 3, heads, head_dim}, options);
    qkv.select(1, 2).mul_(16);  // as a block scales them
    all_qkv_ = at::empty({tokens + 2 * kGuard, 3 * width_ + kSpare}, options.dtype(at::kFloat8_e4m3fn));
    all_out_ = at::empty({tokens + 2 * kGuard, width_ + kSpare}, all_qkv_.options());
    for (at::Tensor* all : {&all_qkv_, &all_out_}) all->view(at::kByte).fill_(kNaN);
    const at::Tensor rows = all_qkv_.narrow(0, kGuard, tokens).narrow(1, 0, 3 * width_);
    rows.copy_(qkv.flatten(1));
    const at::Tensor qkv8 = rows.unflatten(1, {3, heads, head_dim});
    q = qkv8.select(1, 0);
    k = qkv8.select(1, 1);
    v = qkv8.select(1, 2);
    out = all_out_.narrow(0, kGuard, tokens).narrow(1, 0, width_).unflatten(1, {heads, head_dim});
  }

  void Poison() const { out.view(at::kByte).fill_(kNaN); }

  // Every element but the result's must still be NaN.
  bool OnlyResultWritten() const {
    at::Tensor rest = all_out_.view(at::kByte).clone();
    rest.narrow(0, kGuard, out.size(0)).narrow(1, 0, width_).fill_(kNaN);
    return rest.eq(kNaN).all().item<bool>();
  }

  at::Tensor q, k, v, out;

 private:
  static constexpr int64_t kGuard = 300;
  static constexpr int64_t kSpare = 48;
  static constexpr int kNaN = 0x7f;
  int64_t width_;
  at::Tensor all_qkv_, all_out_;
};

class CudaFp8AttentionTest : public HopperAttentionTest {
 protected:
  static void ExpectEqual(const Buffers& buffers, const AttentionBatch& batch, AttentionPath path) {
    const auto attention = PrepareAttention(buffers.q, buffers.k, buffers.v, batch, buffers.out);
    ASSERT_NE(attention, nullptr);
    EXPECT_EQ(AttentionPathName(attention->path()), AttentionPathName(path));
    buffers.Poison();
    at::Tensor out = buffers.out;
    attention->Run(buffers.q, buffers.k, buffers.v, out);
    for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
      const int64_t tokens = batch.offsets[i + 1] - batch.offsets[i];
      if (tokens >= batch.from_tokens && tokens < batch.to_tokens) ExpectRowsEqual(buffers, batch, i, 0, tokens);
    }
    EXPECT_TRUE(buffers.OnlyResultWritten());
  }

  // Compares the result of some queries of one image.
  static void ExpectRowsEqual(const Buffers& buffers, const AttentionBatch& batch, size_t image, int64_t first,
                              int64_t queries) {
    const int64_t begin = batch.offsets[image];
    const int64_t tokens = batch.offsets[image + 1] - begin;
    if (tokens == 0) return;
    const at::Tensor q = HeadsFirst(buffers.q.narrow(0, begin + first, queries));
    const at::Tensor k = HeadsFirst(buffers.k.narrow(0, begin, tokens));
    const at::Tensor v = HeadsFirst(buffers.v.narrow(0, begin, tokens));
    const at::Tensor p = Weights(q, k, first, std::nullopt);
    const at::Tensor expected = at::matmul(p, v);
    const at::Tensor actual = HeadsFirst(buffers.out.narrow(0, begin + first, queries));
    const at::Tensor seen = at::matmul(p.gt(0).to(at::kFloat), v.abs());
    const at::Tensor bound = actual.abs() / 16 + 1.0 / 1024 + at::matmul(p, v.abs()) * (1.0 / 16 + 1.0 / 1024) +
                             p.amax(-1, true) * seen * std::exp2(-18);
    const at::Tensor excess = (actual - expected).abs() - bound;
    EXPECT_FALSE(excess.isnan().any().item<bool>());
    EXPECT_LE(excess.max().item<double>(), 0) << "image " << image << " of " << tokens << " tokens";
    // The bound's errors are of either sign: what is left of them where many weights take part.
    if (tokens >= 64) {
      EXPECT_LT((actual - expected).norm().item<double>(), 0.05 * expected.norm().item<double>());
    }
  }
};

TEST_F(CudaFp8AttentionTest, EqualsTheDefinitionForImagesOfAnyLengths) {
  const std::vector<int64_t> lengths = {1, 0, 2, 63, 64, 65, 127, 128, 129, 0, 255, 256, 257, 600, 1, 0};
  for (const auto& [heads, head_dim] : {std::pair{16, 64}, {3, 80}, {5, 128}, {2, 96}}) {
    const std::vector<int64_t> offsets = Offsets(lengths);
    const Buffers buffers(offsets.back(), heads, head_dim, head_dim);
    SCOPED_TRACE(testing::Message() << heads << " heads of " << head_dim);
    ExpectEqual(buffers, {offsets}, AttentionPath::kPackedFp8);
  }
}

TEST_F(CudaFp8AttentionTest, EqualsTheDefinitionForImagesOfOneLength) {
  for (const auto& [heads, head_dim] : {std::pair{16, 64}, {5, 128}}) {
    for (const auto& [images, tokens] : {std::pair<int64_t, int64_t>{1, 64}, {35, 256}, {1, 4096}}) {
      const std::vector<int64_t> offsets = Offsets(std::vector<int64_t>(images, tokens));
      const Buffers buffers(offsets.back(), heads, head_dim, images);
      SCOPED_TRACE(testing::Message() << images << " x " << tokens << ", " << heads << " heads of " << head_dim);
      ExpectEqual(buffers, {offsets}, AttentionPath::kDenseFp8);
    }
  }
}

TEST_F(CudaFp8AttentionTest, TakesImagesOf65536Tokens) {
  for (const int64_t tokens : {65536, 65521}) {
    const Buffers buffers(tokens, 16, 64, 8);
    const AttentionBatch batch{{0, tokens}};
    at::Tensor out = buffers.out;
    VarlenAttentionInto(buffers.q, buffers.k, buffers.v, batch, out);
    EXPECT_FALSE(out.to(at::kFloat).isnan().any().item<bool>());
    for (const int64_t first : {int64_t{0}, int64_t{32768}, tokens - 3}) ExpectRowsEqual(buffers, batch, 0, first, 3);
  }
}

TEST_F(CudaFp8AttentionTest, LeavesOutImagesOfOtherLengths) {
  const std::vector<int64_t> offsets = Offsets({100, 700, 0, 699, 1500, 20});
  const Buffers buffers(offsets.back(), 4, 64, 6);
  ExpectEqual(buffers, {.offsets = offsets, .from_tokens = 700}, AttentionPath::kPackedFp8);
  for (const size_t image : {0, 3, 5}) {
    const at::Tensor rows = buffers.out.narrow(0, offsets[image], offsets[image + 1] - offsets[image]);
    EXPECT_TRUE(rows.to(at::kFloat).isnan().all().item<bool>()) << image;
  }
  ExpectEqual(buffers, {.offsets = offsets, .to_tokens = 700}, AttentionPath::kPackedFp8);
  for (const size_t image : {1, 4}) {
    const at::Tensor rows = buffers.out.narrow(0, offsets[image], offsets[image + 1] - offsets[image]);
    EXPECT_TRUE(rows.to(at::kFloat).isnan().all().item<bool>()) << image;
  }
}

TEST_F(CudaFp8AttentionTest, NothingOfAnotherImageReachesAnImage) {
  const std::vector<int64_t> offsets = Offsets({100, 130, 90});
  const Buffers buffers(offsets.back(), 4, 64, 6);
  for (const at::Tensor& x : {buffers.q, buffers.k, buffers.v}) {
    x.narrow(0, 0, 100).view(at::kByte).fill_(0x7f);   // NaN
    x.narrow(0, 230, 90).view(at::kByte).fill_(0x7e);  // 448
  }
  const AttentionBatch batch{offsets};
  at::Tensor out = buffers.out;
  VarlenAttentionInto(buffers.q, buffers.k, buffers.v, batch, out);
  ExpectRowsEqual(buffers, batch, 1, 0, 130);
}

TEST_F(CudaFp8AttentionTest, TakesValuesOfTheWholeRange) {
  const std::vector<int64_t> offsets = Offsets({300, 77});
  const Buffers buffers(offsets.back(), 4, 64, 7);
  const auto multiply = [](const at::Tensor& x, double by) { x.copy_((x.to(at::kFloat) * by).clamp(-448, 448)); };
  multiply(buffers.q.narrow(0, 0, 200), 100);  // one weight takes all
  multiply(buffers.k.narrow(0, 300, 77), 1e-3);
  multiply(buffers.v.narrow(0, 0, 300), 1000);  // all 448, of either sign
  ExpectEqual(buffers, {offsets}, AttentionPath::kPackedFp8);
}

// Slots are as many as images with tokens, so a batch is cut into runs: 40 and 1.
TEST_F(CudaFp8AttentionTest, RunsBatchesOfManyImagesInParts) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < 37; ++i) lengths.push_back(i % 5 == 3 ? 0 : 40 + i);
  for (int64_t i = 0; i < 11; ++i) lengths.push_back(70);
  const std::vector<int64_t> offsets = Offsets(lengths);
  const Buffers buffers(offsets.back(), 2, 64, 9);
  ExpectEqual(buffers, {offsets}, AttentionPath::kPackedFp8);
}

TEST_F(CudaFp8AttentionTest, HasNoPlanWhereHeadsAreNoMultipleOf16OrLengthsAreOnTheDeviceOrUnderAWindow) {
  const auto options = at::TensorOptions().device(at::kCUDA).dtype(at::kFloat8_e4m3fn);
  const at::Tensor qkv = at::empty({100, 3, 2, 72}, options), out = at::empty({100, 2, 72}, options);
  EXPECT_EQ(PrepareAttention(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), {{0, 100}}, out), nullptr);
  const Buffers buffers(100, 2, 64, 1);
  const AttentionBatch batch{
      .offsets = {0, 100}, .cu_I1 = at::tensor({0, 100}, at::kInt).to(at::kCUDA), .max_image_tokens = 100};
  EXPECT_EQ(PrepareAttention(buffers.q, buffers.k, buffers.v, batch, buffers.out), nullptr);
  EXPECT_EQ(PrepareAttention(buffers.q, buffers.k, buffers.v, {{0, 100}, 98}, buffers.out), nullptr) << "a window";
  EXPECT_NE(PrepareAttention(buffers.q, buffers.k, buffers.v, {{0, 100}, 99}, buffers.out), nullptr) << "no limit";
}

#ifdef VITOK_CUDA
TEST_F(CudaFp8AttentionTest, CanBeCaptured) {
  const std::vector<int64_t> offsets = Offsets({400, 600});
  const Buffers buffers(offsets.back(), 4, 64, 12);
  AttentionBatch batch{offsets};
  batch.cu_I1 = at::tensor(offsets, at::kInt).to(at::kCUDA);
  at::Tensor out = buffers.out;
  VarlenAttentionInto(buffers.q, buffers.k, buffers.v, batch, out);
  at::cuda::CUDAGraph graph;
  {
    const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool());
    c10::cuda::device_synchronize();
    graph.capture_begin();
    VarlenAttentionInto(buffers.q, buffers.k, buffers.v, batch, out);
    graph.capture_end();
    buffers.Poison();
    graph.replay();
    c10::cuda::device_synchronize();
  }
  for (size_t i = 0; i < 2; ++i) ExpectRowsEqual(buffers, batch, i, 0, offsets[i + 1] - offsets[i]);
}
#endif

}  // namespace
}  // namespace vitok
