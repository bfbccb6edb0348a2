// Attention on a GPU against the definition in float32; skipped where there is no GPU of compute capability 9.
//
// Bound: inputs are bfloat16 on both sides. A kernel computes scores in float32, rounds the weights (at most 1) and the
// result to bfloat16: with values of about 1 that is two relative errors of 2^-9 and a step of the result, 2^-7 at
// values up to 4.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <numeric>

#ifdef VITOK_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include "core/ops/attention_stats.h"
#include "core/ops/varlen_attention.h"
#include "tests/core/ops/hopper_attention_test.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

constexpr double kTolerance = 0.02;

// Queries, keys and values beside MLP columns, and the result beside them, as a block lays them out: [T, 3W + 2h] and
// [T, W + h] with guard rows of NaN before and after the tokens.
class Buffers {
 public:
  Buffers(int64_t tokens, int64_t heads, int64_t head_dim, int64_t hidden, int64_t seed) : width_(heads * head_dim) {
    at::manual_seed(seed);
    const auto options = at::TensorOptions().device(at::kCUDA).dtype(at::kBFloat16);
    all_y_ = at::full({tokens + 2 * kGuard, 3 * width_ + 2 * hidden}, NAN, options);
    all_y_.narrow(0, kGuard, tokens).narrow(1, 0, 3 * width_).normal_();
    all_out_ = at::full({tokens + 2 * kGuard, width_ + hidden}, NAN, options);
    const at::Tensor qkv = all_y_.narrow(0, kGuard, tokens).narrow(1, 0, 3 * width_).unflatten(1, {3, heads, head_dim});
    q = qkv.select(1, 0);
    k = qkv.select(1, 1);
    v = qkv.select(1, 2);
    out = all_out_.narrow(0, kGuard, tokens).narrow(1, 0, width_).unflatten(1, {heads, head_dim});
  }

  // Every element but the result's must still be NaN.
  bool OnlyResultWritten() const {
    at::Tensor rest = all_out_.clone();
    rest.narrow(0, kGuard, out.size(0)).narrow(1, 0, width_).fill_(NAN);
    return rest.isnan().all().item<bool>();
  }

  at::Tensor q, k, v, out;

 private:
  static constexpr int64_t kGuard = 300;
  int64_t width_;
  at::Tensor all_y_, all_out_;
};

class CudaAttentionTest : public HopperAttentionTest {
 protected:
  // Runs and compares with the definition, an image at a time.
  static void ExpectEqual(const Buffers& buffers, const AttentionBatch& batch, AttentionPath path) {
    const auto attention = PrepareAttention(buffers.q, buffers.k, buffers.v, batch, buffers.out);
    EXPECT_EQ(AttentionPathName(attention->path()), AttentionPathName(path));
    at::Tensor out = buffers.out;
    out.fill_(NAN);
    attention->Run(buffers.q, buffers.k, buffers.v, out);
    for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
      ExpectRowsEqual(buffers, batch, i, 0, batch.offsets[i + 1] - batch.offsets[i]);
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
    const at::Tensor p = Weights(q, k, first, batch.window);
    const at::Tensor expected = at::matmul(p, v).transpose(0, 1);
    EXPECT_TRUE(IsNear(buffers.out.narrow(0, begin + first, queries), expected, kTolerance))
        << "image " << image << " of " << tokens << " tokens, window " << batch.window.value_or(-1);
  }
};

TEST_F(CudaAttentionTest, EqualsTheDefinitionForImagesOfAnyLengths) {
  // Around the borders of the buckets and the kernels' tiles, with images of no token and of one.
  const std::vector<int64_t> lengths = {1, 0, 2, 63, 64, 65, 127, 128, 129, 0, 255, 256, 257, 600, 1, 0};
  for (const auto& [heads, head_dim] : {std::pair{16, 64}, {3, 72}, {5, 128}, {2, 16}, {3, 24}}) {
    const std::vector<int64_t> offsets = Offsets(lengths);
    const Buffers buffers(offsets.back(), heads, head_dim, /*hidden=*/48, head_dim);
    for (const std::optional<int64_t> window : {std::optional<int64_t>(), {0}, {1}, {5}, {130}, {5000}}) {
      SCOPED_TRACE(testing::Message() << heads << " heads of " << head_dim << ", window " << window.value_or(-1));
      ExpectEqual(buffers, {offsets, window}, AttentionPath::kPacked);
    }
  }
}

TEST_F(CudaAttentionTest, EqualsTheDefinitionForImagesOfOneLength) {
  for (const auto& [heads, head_dim] : {std::pair{16, 64}, {3, 72}, {5, 128}}) {
    for (const auto& [images, tokens] :
         {std::pair<int64_t, int64_t>{1, 64}, {7, 64}, {35, 256}, {2, 1024}, {1, 4096}}) {
      const std::vector<int64_t> offsets = Offsets(std::vector<int64_t>(images, tokens));
      const Buffers buffers(offsets.back(), heads, head_dim, /*hidden=*/0, images);
      for (const std::optional<int64_t> window : {std::optional<int64_t>(), {0}, {17}, {500}}) {
        SCOPED_TRACE(testing::Message() << images << " x " << tokens << ", " << heads << " heads of " << head_dim
                                        << ", window " << window.value_or(-1));
        ExpectEqual(buffers, {offsets, window}, AttentionPath::kDense);
      }
    }
  }
}

TEST_F(CudaAttentionTest, TakesASingleToken) {
  const Buffers buffers(1, 16, 64, 16, 5);
  ExpectEqual(buffers, {{0, 1}}, AttentionPath::kPacked);
  EXPECT_TRUE(IsNear(buffers.out, buffers.v, 1e-6));
}

TEST_F(CudaAttentionTest, NothingOfAnotherImageReachesAnImage) {
  const std::vector<int64_t> offsets = Offsets({100, 130, 90});
  Buffers buffers(offsets.back(), 4, 64, 16, 6);
  for (at::Tensor* x : {&buffers.q, &buffers.k, &buffers.v}) {
    x->narrow(0, 0, 100).fill_(NAN);
    x->narrow(0, 230, 90).fill_(INFINITY);
  }
  const AttentionBatch batch{offsets};
  VarlenAttentionInto(buffers.q, buffers.k, buffers.v, batch, buffers.out);
  ExpectRowsEqual(buffers, batch, 1, 0, 130);
}

TEST_F(CudaAttentionTest, TakesLargeAndTinyValues) {
  const std::vector<int64_t> offsets = Offsets({300, 77});
  Buffers buffers(offsets.back(), 4, 64, 16, 7);
  buffers.q.narrow(0, 0, 200).mul_(100);  // one weight takes all
  buffers.k.narrow(0, 300, 77).mul_(1e-20);
  ExpectEqual(buffers, {offsets}, AttentionPath::kPacked);
}

TEST_F(CudaAttentionTest, TakesImagesOf65536Tokens) {
  for (const std::optional<int64_t> window : {std::optional<int64_t>(), {512}}) {
    for (const int64_t tokens : {65536, 65521}) {
      const std::vector<int64_t> offsets = {0, tokens};
      const Buffers buffers(tokens, 16, 64, /*hidden=*/2736, 8);
      const AttentionBatch batch{offsets, window};
      at::Tensor out = buffers.out;
      VarlenAttentionInto(buffers.q, buffers.k, buffers.v, batch, out);
      EXPECT_FALSE(out.isnan().any().item<bool>());
      for (const int64_t first : {int64_t{0}, int64_t{32768}, tokens - 3}) ExpectRowsEqual(buffers, batch, 0, first, 3);
    }
  }
}

TEST_F(CudaAttentionTest, OffsetsMayPassTwoToTheThirtyOne) {
  const std::vector<int64_t> packed = Offsets({16000, 230001, 16000, 143});
  const std::vector<int64_t> dense = Offsets(std::vector<int64_t>(17, 16384));
  for (const std::vector<int64_t>& offsets : {packed, dense}) {
    const Buffers buffers(offsets.back(), 16, 64, /*hidden=*/2736, 9);
    ASSERT_GT(offsets.back() * buffers.q.stride(0), int64_t{1} << 31);
    const AttentionBatch batch{offsets, 512};
    at::Tensor out = buffers.out;
    VarlenAttentionInto(buffers.q, buffers.k, buffers.v, batch, out);
    EXPECT_FALSE(out.isnan().any().item<bool>());
    for (size_t image = 0; image + 1 < offsets.size(); ++image) {
      const int64_t last = offsets[image + 1] - offsets[image] - 2;
      ExpectRowsEqual(buffers, batch, image, 0, 2);
      ExpectRowsEqual(buffers, batch, image, last, 2);
    }
  }
}

TEST_F(CudaAttentionTest, FallsBackToFlashAndToOneImageAtATime) {
  const std::vector<int64_t> offsets = Offsets({5, 200, 0, 64});
  for (const std::optional<int64_t> window : {std::optional<int64_t>(), {0}, {40}}) {
    const Buffers wide(offsets.back(), 2, 192, 16, 10);
    ExpectEqual(wide, {offsets, window}, AttentionPath::kFlash);
    const Buffers tiny(offsets.back(), 2, 12, 16, 10);
    ExpectEqual(tiny, {offsets, window}, AttentionPath::kPerImage);
    const Buffers unaligned(offsets.back(), 2, 64, 3, 10);  // rows of 390 elements
    ExpectEqual(unaligned, {offsets, window}, AttentionPath::kFlash);
  }
}

TEST_F(CudaAttentionTest, ComputesFloat32OneImageAtATime) {
  const std::vector<int64_t> offsets = Offsets({5, 200, 64});
  const at::Tensor qkv = at::randn({269, 3, 2, 64}, at::TensorOptions().device(at::kCUDA));
  at::Tensor out = at::full({269, 2, 64}, NAN, qkv.options());
  VarlenAttentionInto(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), {offsets}, out);
  EXPECT_TRUE(
      IsNear(out, VarlenAttentionReference(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), offsets, {}), 1e-5));
}

TEST_F(CudaAttentionTest, BuildsAPlanOnceForAllBatchesThatFit) {
  const auto run = [](const std::vector<int64_t>& lengths) {
    const std::vector<int64_t> offsets = Offsets(lengths);
    const Buffers buffers(offsets.back(), 6, 40, 16, 11);
    ExpectEqual(buffers, {offsets}, AttentionPath::kPacked);
  };
  const AttentionStats before = ReadAttentionStats();
  run({385, 17, 300, 1, 2, 3, 4, 5, 6});
  const AttentionStats first = ReadAttentionStats();
  EXPECT_EQ(first.plans, before.plans + 1);
  EXPECT_GT(first.build_seconds, before.build_seconds);
  run({1, 512, 3, 4, 5, 6, 7, 8, 9, 10});
  EXPECT_EQ(ReadAttentionStats().plans, first.plans);
}

#ifdef VITOK_CUDA
TEST_F(CudaAttentionTest, ACapturedGraphFollowsTheLengthsOnTheDevice) {
  const Buffers buffers(1000, 4, 64, 16, 12);
  const std::vector<int64_t> lengths = {400, 100, 300, 200};
  AttentionBatch batch{.offsets = Offsets(lengths), .max_image_tokens = 700};
  batch.cu_I1 = at::tensor(batch.offsets, at::kInt).to(at::kCUDA);
  at::Tensor out = buffers.out;
  const auto warm_up = PrepareAttention(buffers.q, buffers.k, buffers.v, batch, out);
  ASSERT_EQ(warm_up->path(), AttentionPath::kPacked);

  at::cuda::CUDAGraph graph;
  const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool());
  graph.capture_begin();
  const auto attention = PrepareAttention(buffers.q, buffers.k, buffers.v, batch, out);
  attention->Run(buffers.q, buffers.k, buffers.v, out);
  graph.capture_end();

  for (const std::vector<int64_t>& replayed :
       {std::vector<int64_t>{1, 699, 0, 300}, {250, 250, 250, 250}, {3, 0, 0, 0}}) {
    const AttentionBatch changed{Offsets(replayed)};
    out.fill_(NAN);
    batch.cu_I1.copy_(at::tensor(changed.offsets, at::kInt));
    graph.replay();
    c10::cuda::getCurrentCUDAStream().synchronize();
    for (size_t i = 0; i < replayed.size(); ++i) ExpectRowsEqual(buffers, changed, i, 0, replayed[i]);
    EXPECT_TRUE(buffers.OnlyResultWritten());
  }
}
#endif

}  // namespace
}  // namespace vitok
