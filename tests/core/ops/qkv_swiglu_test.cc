#include "core/ops/qkv_swiglu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/ops/swiglu.h"
#include "tests/core/ops/cuda_checks.h"
#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

TEST(QkvSwiGlu, EqualsTheProductAndSwiGluOfTheRowsInTheirFirstOrder) {
  const at::Tensor x = RandomTensor({5, 12}, at::kFloat, 1), weight = RandomTensor({7 + 2 * 24, 12}, at::kFloat, 2);
  at::Tensor qkv = at::empty({5, 7}), hidden = at::empty({5, 24});
  QkvSwiGlu(x, InterleaveMlp(weight, 24), qkv, hidden);
  const at::Tensor y = at::linear(x, weight);
  EXPECT_TRUE(IsNear(qkv, y.narrow(1, 0, 7), 1e-5));
  EXPECT_TRUE(IsNear(hidden, SwiGluReference(y.narrow(1, 7, 48)), 1e-5));
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
  QuantizedRows x = QuantizedRows::Empty(5, 16, at::kCPU), weight = QuantizedRows::Empty(4 + 2 * 8, 16, at::kCPU);
  QuantizeRowsInto(RandomTensor({5, 16}, at::kFloat, 1), x);
  QuantizeRowsInto(RandomTensor({20, 16}, at::kFloat, 2), weight);
  at::Tensor qkv = at::empty({5, 4}), hidden = at::empty({5, 8});
  QkvSwiGlu(x, weight, qkv, hidden);
  const at::Tensor y = at::linear(x.Dequantize(), weight.Dequantize());
  EXPECT_TRUE(IsNear(qkv, y.narrow(1, 0, 4), 1e-5));
  EXPECT_TRUE(IsNear(hidden, SwiGluReference(y.narrow(1, 4, 16)), 1e-5));
}

class CudaQkvSwiGluTest : public CudaTest {
 protected:
  struct Shape {
    int64_t tokens, inputs, qkv, hidden;
  };

  void SetUp() override {
    CudaTest::SetUp();
    if (IsSkipped()) return;
    if (!HasQkvSwiGluKernel(Random({64 + 16, 8}), 8)) GTEST_SKIP() << "no kernel for this GPU";
  }

  static at::Tensor Weight(const Shape& shape) {
    return Random({shape.qkv + 2 * shape.hidden, shape.inputs}, 1 / std::sqrt(static_cast<double>(shape.inputs)));
  }

  // Checks the rows [first, T) against float64.
  static void ExpectReference(const Shape& shape, const at::Tensor& x, const at::Tensor& weight, int64_t first = 0) {
    SCOPED_TRACE("bfloat16");
    ASSERT_TRUE(HasQkvSwiGluKernel(weight, shape.hidden));
    const auto run = [&](at::Tensor& qkv, at::Tensor& hidden) {
      QkvSwiGlu(x, InterleaveMlp(weight, shape.hidden), qkv, hidden);
    };
    ExpectReference(shape, x.to(at::kDouble), weight.to(at::kDouble), first, /*precision=*/20, run);
  }

  // Fast sums lose what lies 13 bits below their largest term, at each step: that shows where one term is far larger
  // than the others.
  static void ExpectReferenceInE4m3(const Shape& shape, const at::Tensor& x, const at::Tensor& weight,
                                    double precision = 11) {
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
    const auto run = [&](at::Tensor& qkv, at::Tensor& hidden) { QkvSwiGlu(x8, turned, qkv, hidden); };
    const auto exact = [](const QuantizedRows& rows) {
      return rows.values_TK.to(at::kFloat).to(at::kDouble) * rows.scale_T1.to(at::kDouble);
    };
    ExpectReference(shape, exact(x8), exact(weight8), /*first=*/0, precision, run);
  }

 private:
  // A sum of products is off by less than 2^-precision of the sum of their magnitudes; the bound of the hidden state
  // lets values and gates be off by that.
  static void ExpectReference(const Shape& shape, const at::Tensor& x, const at::Tensor& weight, int64_t first,
                              double precision, const std::function<void(at::Tensor& qkv, at::Tensor& hidden)>& run) {
    SCOPED_TRACE(testing::Message() << shape.tokens << " x " << shape.inputs << ", " << shape.qkv << " + 2 x "
                                    << shape.hidden);
    at::Tensor wide = Poisoned({shape.tokens, shape.qkv + 8});
    at::Tensor out = Poisoned({shape.tokens, 16 + shape.hidden + 8});
    at::Tensor qkv = wide.narrow(1, 0, shape.qkv), hidden = out.narrow(1, 16, shape.hidden);
    run(qkv, hidden);

    const auto tail = [&](const at::Tensor& t) { return t.narrow(0, first, shape.tokens - first); };
    const at::Tensor y = at::linear(tail(x), weight);
    const at::Tensor slack = at::linear(tail(x).abs(), weight.abs()) * std::exp2(-precision);
    const auto part = [&](const at::Tensor& t, int64_t begin, int64_t width) { return t.narrow(1, begin, width); };
    const auto expect_near = [](const at::Tensor& actual, const at::Tensor& expected, const at::Tensor& off) {
      const at::Tensor excess = (actual.to(at::kDouble) - expected).abs() - expected.abs() / 256 - off;
      EXPECT_LE(excess.max().item<double>(), 0);  // false for NaN
    };
    expect_near(tail(qkv), part(y, 0, shape.qkv), part(slack, 0, shape.qkv));
    const at::Tensor value = part(y, shape.qkv, shape.hidden), gate = part(y, shape.qkv + shape.hidden, shape.hidden);
    const at::Tensor value_slack = part(slack, shape.qkv, shape.hidden);
    const at::Tensor gate_slack = part(slack, shape.qkv + shape.hidden, shape.hidden);
    // |silu'| < 1.1
    expect_near(
        tail(hidden), value * at::silu(gate),
        value_slack * at::silu(gate).abs() + 1.1 * value.abs() * gate_slack + 1.1 * value_slack * gate_slack + 1e-30);
    EXPECT_TRUE(tail(wide).narrow(1, shape.qkv, 8).isnan().all().item<bool>());
    EXPECT_TRUE(tail(out).narrow(1, 0, 16).isnan().all().item<bool>()) << "attention's columns";
    EXPECT_TRUE(tail(out).narrow(1, 16 + shape.hidden, 8).isnan().all().item<bool>());
  }
};

TEST_F(CudaQkvSwiGluTest, EqualsTheReferenceAtTheShapesOfTheVariants) {
  for (Shape shape : {Shape{0, 768, 2304, 2048}, Shape{0, 1024, 3072, 2736}, Shape{0, 1728, 5184, 4608},
                      Shape{0, 3072, 9216, 8208}, Shape{0, 4096, 12288, 10944}}) {
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
  for (const Shape& shape : {Shape{1, 8, 64, 8}, Shape{3, 48, 64, 40}, Shape{129, 72, 128, 8},
                             Shape{255, 208, 192, 104}, Shape{1000, 1032, 64, 1096}}) {
    const at::Tensor x = Random({shape.tokens, shape.inputs + 24}).narrow(1, 8, shape.inputs), weight = Weight(shape);
    ExpectReference(shape, x, weight);
    if (shape.inputs % 16 == 0) ExpectReferenceInE4m3(shape, x, weight);
  }
}

TEST_F(CudaQkvSwiGluTest, TakesZerosOutliersAndGatesOfAnySize) {
  const Shape shape{7, 1024, 3072, 2736};
  at::Tensor x = Random({shape.tokens, shape.inputs}), weight = Weight(shape);
  x[0].zero_();
  x[1].mul_(1e3);  // gates of either sign, far beyond where exp overflows
  x[2].mul_(1e-12);
  x[3][17] = 1e4;
  weight[3072 + 5].mul_(1e6);
  weight[3072 + 2736 + 9].zero_();
  ExpectReference(shape, x, weight);
  ExpectReferenceInE4m3(shape, x, weight, /*precision=*/8);
}

TEST_F(CudaQkvSwiGluTest, IndexesBeyondTwoToTheThirtyOne) {
  const Shape shape{1 << 20, 64, 2048, 8};  // x 2056 columns
  at::Tensor x = at::empty({shape.tokens, shape.inputs}, at::TensorOptions(at::kCUDA).dtype(at::kBFloat16));
  x.normal_();
  ExpectReference(shape, x, Weight(shape), shape.tokens - 300);
}

TEST_F(CudaQkvSwiGluTest, RowsThatTheKernelDoesNotTakeGoToTheDefinition) {
  const at::Tensor weight = Weight({0, 64, 64, 24}), x = Random({9, 64 + 1}).narrow(1, 1, 64);
  at::Tensor qkv = Poisoned({9, 64}), hidden = Poisoned({9, 24});
  QkvSwiGlu(x, InterleaveMlp(weight, 24), qkv, hidden);
  const at::Tensor y = at::linear(x.to(at::kFloat), weight.to(at::kFloat));
  EXPECT_TRUE(IsNear(qkv, y.narrow(1, 0, 64), 0.03));
  EXPECT_TRUE(IsNear(hidden, SwiGluReference(y.narrow(1, 64, 48)), 0.1));
  EXPECT_FALSE(HasQkvSwiGluKernel(Random({80, 9}), 8));
  EXPECT_FALSE(HasQkvSwiGluKernel(Random({80 + 8, 8}), 8)) << "72 columns before the MLP's";
  EXPECT_FALSE(HasQkvSwiGluKernel(Random({80, 8}).to(at::kFloat), 8));
}

}  // namespace
}  // namespace vitok
