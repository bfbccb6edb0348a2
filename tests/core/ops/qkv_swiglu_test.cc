#include "core/ops/qkv_swiglu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"
#include "core/ops/swiglu.h"
#include "tests/core/ops/cuda_checks.h"
#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

RopePositions Positions(int64_t tokens, int64_t head_dim, at::Device device, int64_t limit = 60) {
  const auto options = at::TensorOptions(device).dtype(at::kInt);
  return {at::randint(-limit, limit + 1, {tokens}, options), at::randint(-limit, limit + 1, {tokens}, options),
          RopeFrequencies(head_dim, device)};
}

// What x · Wᵀ has in its first columns, with queries and keys normed and rotated.
at::Tensor NormedAndRotated(const at::Tensor& y_TQ, int64_t heads, const at::Tensor& norm_q, const at::Tensor& norm_k,
                            const RopePositions& positions) {
  at::Tensor qkv = y_TQ.clone();
  at::Tensor qkv_T3HD = qkv.unflatten(1, {3, heads, norm_q.size(0)});
  QkNormRopeReference(qkv_T3HD, norm_q, norm_k, MakeRopeTable(positions));
  return qkv;
}

TEST(QkvSwiGlu, EqualsTheProductAndWhatFollowsOfTheRowsInTheirFirstOrder) {
  const at::Tensor x = RandomTensor({5, 12}, at::kFloat, 1), weight = RandomTensor({36 + 2 * 24, 12}, at::kFloat, 2);
  const at::Tensor norm_q = RandomTensor({4}, at::kFloat, 3), norm_k = RandomTensor({4}, at::kFloat, 4);
  const RopePositions positions = Positions(5, 4, at::kCPU);
  at::Tensor qkv = at::empty({5, 36}), hidden = at::empty({5, 24});
  QkvSwiGlu(x, InterleaveMlp(weight, 24), 3, norm_q, norm_k, positions, qkv, hidden);
  const at::Tensor y = at::linear(x, weight);
  EXPECT_TRUE(IsNear(qkv, NormedAndRotated(y.narrow(1, 0, 36), 3, norm_q, norm_k, positions), 1e-5));
  EXPECT_TRUE(IsNear(hidden, SwiGluReference(y.narrow(1, 36, 48)), 1e-5));
}

TEST(QkvSwiGlu, ValuesAndGatesTakeTurns) {
  const at::Tensor rows = at::arange(3 + 2 * 16).view({-1, 1});
  const at::Tensor turned = InterleaveMlp(rows, 16).flatten();
  EXPECT_EQ(turned[2].item<int64_t>(), 2);
  EXPECT_EQ(turned[3 + 7].item<int64_t>(), 3 + 7) << "eight values";
  EXPECT_EQ(turned[3 + 8].item<int64_t>(), 3 + 16) << "their gates";
  EXPECT_EQ(turned[3 + 16].item<int64_t>(), 3 + 8) << "the next values";
}

TEST(QkvSwiGlu, OfQuantizedRowsIsThatOfTheirValues) {
  QuantizedRows x = QuantizedRows::Empty(5, 16, at::kCPU), weight = QuantizedRows::Empty(12 + 2 * 8, 16, at::kCPU);
  QuantizeRowsInto(RandomTensor({5, 16}, at::kFloat, 1), x);
  QuantizeRowsInto(RandomTensor({28, 16}, at::kFloat, 2), weight);
  const at::Tensor norm = RandomTensor({4}, at::kFloat, 3);
  const RopePositions positions = Positions(5, 4, at::kCPU);
  at::Tensor qkv = at::empty({5, 12}), hidden = at::empty({5, 8});
  QkvSwiGlu(x, weight, 1, norm, norm, positions, qkv, hidden);
  const at::Tensor y = at::linear(x.Dequantize(), weight.Dequantize());
  EXPECT_TRUE(IsNear(qkv, NormedAndRotated(y.narrow(1, 0, 12), 1, norm, norm, positions), 1e-5));
  EXPECT_TRUE(IsNear(hidden, SwiGluReference(y.narrow(1, 12, 16)), 1e-5));
}

class CudaQkvSwiGluTest : public CudaTest {
 protected:
  struct Shape {
    int64_t tokens, inputs, heads, head_dim, hidden;

    int64_t qkv() const { return 3 * heads * head_dim; }
  };

  // QkvSwiGlu from its third argument on.
  using Run = std::function<void(int64_t heads, const at::Tensor& norm_q_D, const at::Tensor& norm_k_D,
                                 const RopePositions& positions, at::Tensor& qkv_TQ, at::Tensor& hidden_Th)>;

  void SetUp() override {
    CudaTest::SetUp();
    if (IsSkipped()) return;
    if (!HasQkvSwiGluKernel(Random({64 + 16, 8}), 8)) GTEST_SKIP() << "no kernel for this GPU";
  }

  static at::Tensor Weight(const Shape& shape) {
    return Random({shape.qkv() + 2 * shape.hidden, shape.inputs}, 1 / std::sqrt(static_cast<double>(shape.inputs)));
  }

  // Checks the rows [first, T) against float64. limit: of positions.
  static void ExpectReference(const Shape& shape, const at::Tensor& x, const at::Tensor& weight, int64_t limit = 60,
                              int64_t first = 0) {
    SCOPED_TRACE("bfloat16");
    ASSERT_TRUE(HasQkvSwiGluKernel(weight, shape.hidden));
    const Run run = [&](auto&&... rest) { QkvSwiGlu(x, InterleaveMlp(weight, shape.hidden), rest...); };
    ExpectReference(shape, x.to(at::kDouble), weight.to(at::kDouble), limit, first, /*precision=*/20, run);
  }

  // Fast sums lose what lies 13 bits below their largest term, at each step: that shows where one term is far larger
  // than the others.
  static void ExpectReferenceInE4m3(const Shape& shape, const at::Tensor& x, const at::Tensor& weight,
                                    int64_t limit = 60, double precision = 11) {
    SCOPED_TRACE("e4m3");
    const auto quantize = [](const at::Tensor& t, int64_t spare) {
      QuantizedRows rows = PoisonedRows(t.size(0), t.size(1), 0, spare);
      QuantizeRowsInto(t, rows);
      return rows;
    };
    const QuantizedRows x8 = quantize(x, 16), weight8 = quantize(weight, 0);
    const QuantizedRows turned{InterleaveMlp(weight8.values_TK.view(at::kByte), shape.hidden).view(at::kFloat8_e4m3fn),
                               InterleaveMlp(weight8.scale_T1, shape.hidden)};
    ASSERT_TRUE(HasQkvSwiGluKernel(turned.values_TK, shape.hidden));
    const Run run = [&](auto&&... rest) { QkvSwiGlu(x8, turned, rest...); };
    const auto exact = [](const QuantizedRows& rows) {
      return rows.values_TK.to(at::kFloat).to(at::kDouble) * rows.scale_T1.to(at::kDouble);
    };
    ExpectReference(shape, exact(x8), exact(weight8), limit, /*first=*/0, precision, run);
  }

 private:
  struct Bounded {
    at::Tensor expected;
    at::Tensor off;  // the most that it may differ by, before it is rounded to bfloat16
  };

  // Of queries or keys y [T, H · D], off by `slack` in float64. A norm of sums off by `slack` is off by the root mean
  // square of that over its head, in units of the norm.
  static Bounded NormRotate(const Shape& shape, const Bounded& y, const at::Tensor& weight,
                            const RopePositions& positions) {
    const auto heads = [&](const at::Tensor& t) { return t.unflatten(1, {shape.heads, shape.head_dim}); };
    const auto mean_square = [](const at::Tensor& t) { return t.square().mean(-1, /*keepdim=*/true); };
    const at::Tensor norm = at::rsqrt(mean_square(heads(y.expected)) + kNormEps), w = weight.to(at::kDouble);
    const at::Tensor norm_off = (norm * mean_square(heads(y.off)).sqrt()).clamp_max(0.9);
    const at::Tensor normed = heads(y.expected) * norm * w;
    const at::Tensor normed_off = (heads(y.off) * norm * w.abs() + normed.abs() * norm_off) / (1 - norm_off);
    const auto angles = [&](const at::Tensor& position) {
      return position.to(at::kFloat).unsqueeze(-1) * positions.frequency_F;  // rounded, as in the definition
    };
    const at::Tensor angle = at::cat({angles(positions.row_T), angles(positions.col_T)}, -1).to(at::kDouble);
    const RopeTable table{angle.cos(), angle.sin()};
    const at::Tensor cos = table.cos_TF.abs().unsqueeze(1), sin = table.sin_TF.abs().unsqueeze(1);
    const at::Tensor pairs = normed_off.unflatten(-1, {-1, 2}), a = pairs.select(-1, 0), b = pairs.select(-1, 1);
    const at::Tensor off = at::stack({a * cos + b * sin, a * sin + b * cos}, -1) +
                           normed.abs().unflatten(-1, {-1, 2}).sum(-1, true) * std::exp2(-18);  // of cosine and sine
    // What is off by more than it is has its rounding to bfloat16 from there.
    return {ApplyRope(normed, table).flatten(1), off.flatten(-2).flatten(1) * (1 + 1.0 / 256)};
  }

  // A sum of products is off by less than 2^-precision of the sum of their magnitudes; the bounds let what is made from
  // sums be off by that.
  static void ExpectReference(const Shape& shape, const at::Tensor& x, const at::Tensor& weight, int64_t limit,
                              int64_t first, double precision, const Run& run) {
    SCOPED_TRACE(testing::Message() << shape.tokens << " x " << shape.inputs << ", 3 x " << shape.heads << " x "
                                    << shape.head_dim << " + 2 x " << shape.hidden);
    at::Tensor wide = Poisoned({shape.tokens, shape.qkv() + 8});
    at::Tensor out = Poisoned({shape.tokens, 16 + shape.hidden + 8});
    at::Tensor qkv = wide.narrow(1, 0, shape.qkv()), hidden = out.narrow(1, 16, shape.hidden);
    const at::Tensor norm_q = Random({shape.head_dim}), norm_k = Random({shape.head_dim});
    const RopePositions positions = Positions(shape.tokens, shape.head_dim, at::kCUDA, limit);
    run(shape.heads, norm_q, norm_k, positions, qkv, hidden);

    const auto tail = [&](const at::Tensor& t) { return t.narrow(0, first, shape.tokens - first); };
    const RopePositions tail_positions{tail(positions.row_T), tail(positions.col_T), positions.frequency_F};
    const at::Tensor y = at::linear(tail(x), weight);
    const at::Tensor slack = at::linear(tail(x).abs(), weight.abs()) * std::exp2(-precision);
    const auto part = [&](int64_t begin, int64_t width) {
      return Bounded{y.narrow(1, begin, width), slack.narrow(1, begin, width)};
    };
    const auto expect_near = [](const at::Tensor& actual, const Bounded& bounded) {
      const at::Tensor excess =
          (actual.to(at::kDouble) - bounded.expected).abs() - bounded.expected.abs() / 256 - bounded.off;
      EXPECT_LE(excess.max().item<double>(), 0);  // false for NaN
    };
    const int64_t width = shape.heads * shape.head_dim;
    const auto expect_head = [&](const char* name, int64_t begin, const at::Tensor& norm) {
      SCOPED_TRACE(name);
      Bounded sums = part(begin, width);
      if (shape.head_dim != 64) sums.off = sums.off + sums.expected.abs() / 255;  // rounded in between
      expect_near(tail(qkv).narrow(1, begin, width), NormRotate(shape, sums, norm, tail_positions));
    };
    expect_head("queries", 0, norm_q);
    expect_head("keys", width, norm_k);
    expect_near(tail(qkv).narrow(1, 2 * width, width), part(2 * width, width));
    const Bounded value = part(shape.qkv(), shape.hidden), gate = part(shape.qkv() + shape.hidden, shape.hidden);
    // |silu'| < 1.1
    expect_near(tail(hidden), {value.expected * at::silu(gate.expected), value.off * at::silu(gate.expected).abs() +
                                                                             1.1 * value.expected.abs() * gate.off +
                                                                             1.1 * value.off * gate.off + 1e-30});
    EXPECT_TRUE(tail(wide).narrow(1, shape.qkv(), 8).isnan().all().item<bool>());
    EXPECT_TRUE(tail(out).narrow(1, 0, 16).isnan().all().item<bool>()) << "attention's columns";
    EXPECT_TRUE(tail(out).narrow(1, 16 + shape.hidden, 8).isnan().all().item<bool>());
  }
};

TEST_F(CudaQkvSwiGluTest, EqualsTheReferenceAtTheShapesOfTheVariants) {
  for (Shape shape : {Shape{0, 768, 12, 64, 2048}, Shape{0, 1024, 16, 64, 2736}, Shape{0, 1728, 24, 72, 4608},
                      Shape{0, 3072, 24, 128, 8208}, Shape{0, 4096, 32, 128, 10944}}) {
    const at::Tensor weight = Weight(shape);
    for (const int64_t tokens : {1, 67, 1031}) {
      shape.tokens = tokens;
      const at::Tensor x = Random({tokens, shape.inputs});
      ExpectReference(shape, x, weight);
      ExpectReferenceInE4m3(shape, x, weight);
    }
  }
}

TEST_F(CudaQkvSwiGluTest, EqualsTheReferenceAtOddShapesAndStrides) {
  for (const Shape& shape :
       {Shape{1, 8, 1, 64, 8}, Shape{3, 48, 1, 64, 40}, Shape{129, 72, 2, 64, 8}, Shape{255, 208, 3, 64, 104},
        Shape{1000, 1032, 1, 64, 1096}, Shape{130, 64, 2, 32, 8}, Shape{70, 48, 8, 72, 24}, Shape{3, 80, 1, 128, 16}}) {
    const at::Tensor x = Random({shape.tokens, shape.inputs + 24}).narrow(1, 8, shape.inputs), weight = Weight(shape);
    ExpectReference(shape, x, weight);
    if (shape.inputs % 16 == 0) ExpectReferenceInE4m3(shape, x, weight);
  }
}

TEST_F(CudaQkvSwiGluTest, TakesZerosOutliersAndGatesOfAnySize) {
  const Shape shape{7, 1024, 16, 64, 2736};
  at::Tensor x = Random({shape.tokens, shape.inputs}), weight = Weight(shape);
  x[0].zero_();
  x[1].mul_(1e3);  // gates of either sign, far beyond where exp overflows
  x[2].mul_(1e-12);
  x[3][17] = 1e4;
  x[4].mul_(1e12);
  weight[70].mul_(1e6);  // the rest of its head becomes small
  weight[3072 + 5].mul_(1e6);
  weight[3072 + 2736 + 9].zero_();
  ExpectReference(shape, x, weight);
  ExpectReferenceInE4m3(shape, x, weight, /*limit=*/60, /*precision=*/8);
}

TEST_F(CudaQkvSwiGluTest, TakesFarPositions) {
  const Shape shape{300, 64, 2, 64, 16};
  for (const int64_t limit : {4096, 200000, 1 << 24}) {
    const at::Tensor x = Random({shape.tokens, shape.inputs}), weight = Weight(shape);
    ExpectReference(shape, x, weight, limit);
    ExpectReferenceInE4m3(shape, x, weight, limit);
  }
}

TEST_F(CudaQkvSwiGluTest, IndexesBeyondTwoToTheThirtyOne) {
  const Shape shape{1 << 20, 64, 11, 64, 8};  // x 2120 columns
  at::Tensor x = at::empty({shape.tokens, shape.inputs}, at::TensorOptions(at::kCUDA).dtype(at::kBFloat16));
  x.normal_();
  ExpectReference(shape, x, Weight(shape), /*limit=*/60, shape.tokens - 300);
}

TEST_F(CudaQkvSwiGluTest, RowsThatTheKernelDoesNotTakeGoToTheDefinition) {
  const at::Tensor weight = Weight({0, 64, 1, 64, 24}), x = Random({9, 64 + 1}).narrow(1, 1, 64);
  const at::Tensor norm = Random({64});
  const RopePositions positions = Positions(9, 64, at::kCUDA);
  at::Tensor qkv = Poisoned({9, 192}), hidden = Poisoned({9, 24});
  QkvSwiGlu(x, InterleaveMlp(weight, 24), 1, norm, norm, positions, qkv, hidden);
  const at::Tensor y = at::linear(x.to(at::kFloat), weight.to(at::kFloat));
  const at::Tensor expected = NormedAndRotated(y.narrow(1, 0, 192), 1, norm, norm, positions);
  EXPECT_TRUE(IsNear(qkv.narrow(1, 0, 128), expected.narrow(1, 0, 128), 0.1));
  EXPECT_TRUE(IsNear(qkv.narrow(1, 128, 64), expected.narrow(1, 128, 64), 0.03));
  EXPECT_TRUE(IsNear(hidden, SwiGluReference(y.narrow(1, 192, 48)), 0.1));
  EXPECT_FALSE(HasQkvSwiGluKernel(Random({80, 9}), 8));
  EXPECT_FALSE(HasQkvSwiGluKernel(Random({80 + 8, 8}), 8)) << "72 columns before the MLP's";
  EXPECT_FALSE(HasQkvSwiGluKernel(Random({80, 8}).to(at::kFloat), 8));
}

}  // namespace
}  // namespace vitok
