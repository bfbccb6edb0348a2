#include "core/ops/qk_norm_rope_swiglu.h"

#include <gtest/gtest.h>

#include "core/ops/qk_norm_rope.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/swiglu.h"
#include "tests/core/ops/cuda_checks.h"
#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

struct Shape {
  int64_t heads, head_dim, hidden;

  int64_t width() const { return heads * head_dim; }
  int64_t columns() const { return 3 * width() + 2 * hidden; }
};

TEST(QkNormRopeSwiGlu, EqualsItsPartsAndLeavesTheRestAlone) {
  const Shape shape{3, 8, 32};
  const at::Tensor y = RandomTensor({7, shape.columns()}, at::kFloat, 3);
  const at::Tensor weight_q = RandomTensor({8}, at::kFloat, 4), weight_k = RandomTensor({8}, at::kFloat, 5);
  const at::Tensor row = at::arange(7, at::kInt), col = 9 - at::arange(7, at::kInt);
  at::Tensor actual = y.clone(), hidden = at::empty({7, 32});
  QkNormRopeSwiGlu(actual, 3, weight_q, weight_k, {row, col, RopeFrequencies(8, at::kCPU)}, hidden);
  at::Tensor expected = y.clone();
  at::Tensor qkv = expected.narrow(1, 0, 72).unflatten(1, {3, 3, 8});
  QkNormRope(qkv, weight_q, weight_k, MakeRopeTable(row, col, 8));
  EXPECT_TRUE(IsNear(actual, expected, 2e-6));
  EXPECT_TRUE(IsNear(hidden, SwiGlu(y.narrow(1, 72, 64)), 2e-6));
}

// The same y with MLP values and gates in turns.
at::Tensor Interleave(const Shape& shape, const at::Tensor& y) {
  return InterleaveMlp(y.t(), shape.hidden).t().contiguous();
}

TEST(QkNormRopeSwiGlu, TakesValuesAndGatesInTurns) {
  const Shape shape{1, 4, 24};
  const at::Tensor y = RandomTensor({3, shape.columns()}, at::kFloat, 3), weight = RandomTensor({4}, at::kFloat, 4);
  const at::Tensor index = at::arange(3, at::kInt);
  at::Tensor turned = Interleave(shape, y), hidden = at::empty({3, 24});
  QkNormRopeSwiGlu(turned, 1, weight, weight, {index, index, RopeFrequencies(4, at::kCPU)}, hidden,
                   MlpColumns::kInterleaved);
  EXPECT_TRUE(IsNear(hidden, SwiGlu(y.narrow(1, 12, 48)), 2e-6));
}

class CudaQkNormRopeSwiGluTest : public CudaTest {
 protected:
  static RopePositions Positions(int64_t tokens, int64_t head_dim, int64_t limit) {
    const auto options = at::TensorOptions(at::kCUDA).dtype(at::kInt);
    return {at::randint(-limit, limit + 1, {tokens}, options), at::randint(-limit, limit + 1, {tokens}, options),
            RopeFrequencies(head_dim, at::kCUDA)};
  }

  // Checks both results on rows [first, tokens) against float32; y has `spare` more columns.
  static void ExpectReference(const Shape& shape, const at::Tensor& y, int64_t limit = 60, int64_t first = 0) {
    SCOPED_TRACE(testing::Message() << y.size(0) << " tokens, " << shape.heads << " heads of " << shape.head_dim
                                    << ", hidden " << shape.hidden);
    const int64_t tokens = y.size(0), checked = tokens - first;
    const at::Tensor weight_q = Random({shape.head_dim}), weight_k = Random({shape.head_dim});
    const RopePositions positions = Positions(tokens, shape.head_dim, limit);
    const auto tail = [&](const at::Tensor& t) { return t.narrow(0, first, checked); };

    at::Tensor expected_y = tail(y).to(at::kFloat);
    at::Tensor expected_hidden = at::empty({checked, shape.hidden}, expected_y.options());
    QkNormRopeSwiGluReference(expected_y, shape.heads, weight_q.to(at::kFloat), weight_k.to(at::kFloat),
                              {tail(positions.row_T), tail(positions.col_T), positions.frequency_F}, expected_hidden);
    const double absolute = 2e-5;  // cancellation in the rotation of values of about 1
    {
      at::Tensor actual_y = first == 0 ? y.clone() : y;
      at::Tensor out = Poisoned({tokens, shape.width() + shape.hidden});
      at::Tensor hidden = out.narrow(1, shape.width(), shape.hidden);
      const at::Tensor before = tail(y).clone();
      QkNormRopeSwiGlu(actual_y, shape.heads, weight_q, weight_k, positions, hidden);
      EXPECT_TRUE(IsRoundedOnce(tail(actual_y), expected_y, absolute));
      EXPECT_TRUE(IsRoundedOnce(tail(hidden), expected_hidden, 1e-30));
      EXPECT_TRUE(tail(out).narrow(1, 0, shape.width()).isnan().all().item<bool>()) << "attention's columns";
      const int64_t rest = 2 * shape.width();
      EXPECT_TRUE(IsSame(tail(actual_y).narrow(1, rest, y.size(1) - rest), before.narrow(1, rest, y.size(1) - rest)));
    }
    if (first > 0) return;  // y is changed
    if (shape.hidden % kMlpGroup == 0) {
      at::Tensor actual_y = Interleave(shape, y), hidden = Poisoned({tokens, shape.hidden});
      QkNormRopeSwiGlu(actual_y, shape.heads, weight_q, weight_k, positions, hidden, MlpColumns::kInterleaved);
      EXPECT_TRUE(IsRoundedOnce(hidden, expected_hidden, 1e-30));
      QuantizedRows hidden8 = PoisonedRows(tokens, shape.hidden);
      actual_y = Interleave(shape, y);
      QkNormRopeSwiGlu(actual_y, shape.heads, weight_q, weight_k, positions, hidden8, kLeastAmax,
                       MlpColumns::kInterleaved);
      EXPECT_TRUE(IsQuantizedOnce(hidden8, expected_hidden));
    }
    {
      at::Tensor qkv = y.clone().narrow(1, 0, 3 * shape.width()), none = Poisoned({tokens, 0});
      QkNormRopeSwiGlu(qkv, shape.heads, weight_q, weight_k, positions, none);
      EXPECT_TRUE(IsRoundedOnce(qkv, expected_y.narrow(1, 0, qkv.size(1)), absolute));
    }
    for (const float least_amax : {kLeastAmax, 50.0f}) {
      at::Tensor actual_y = y.clone();
      QuantizedRows hidden = PoisonedRows(tokens, shape.hidden, shape.width());
      QkNormRopeSwiGlu(actual_y, shape.heads, weight_q, weight_k, positions, hidden, least_amax);
      EXPECT_TRUE(IsRoundedOnce(actual_y, expected_y, absolute));
      EXPECT_TRUE(IsQuantizedOnce(hidden, expected_hidden, least_amax));
    }
  }
};

TEST_F(CudaQkNormRopeSwiGluTest, EqualsTheReferenceAtTheShapesOfTheVariants) {
  for (const Shape& shape : {Shape{12, 64, 2048}, Shape{16, 64, 2736}, Shape{24, 72, 4608}, Shape{24, 128, 8208},
                             Shape{32, 128, 10944}, Shape{1, 256, 32768}}) {
    for (const int64_t tokens : {1, 5, 67}) ExpectReference(shape, Random({tokens, shape.columns()}, 2));
  }
}

TEST_F(CudaQkNormRopeSwiGluTest, EqualsTheReferenceAtOddShapes) {
  for (const Shape& shape : {Shape{1, 4, 16}, Shape{3, 4, 1}, Shape{2, 12, 48}, Shape{5, 20, 16}, Shape{3, 24, 176},
                             Shape{7, 40, 33}, Shape{1, 520, 64}, Shape{3, 64, 32784}, Shape{1, 8, 8}}) {
    for (const int64_t tokens : {1, 67}) {
      ExpectReference(shape, Random({tokens, shape.columns()}, 2));
      ExpectReference(shape, Random({tokens, shape.columns() + 3}, 2).narrow(1, 3, shape.columns()));
    }
  }
}

TEST_F(CudaQkNormRopeSwiGluTest, TakesZerosOutliersExtremesAndFarPositions) {
  const Shape shape{16, 64, 2736};
  at::Tensor y = Random({7, shape.columns()});
  y[0].zero_();
  y[1].mul_(1e15);
  y[2].mul_(1e-15);
  y[3][17] = 1e6;
  y[4].narrow(0, 3 * 1024 + 2736, 2736).mul_(100);  // gates of either sign
  ExpectReference(shape, y);
  ExpectReference(shape, Random({33, shape.columns()}), /*limit=*/200000);
}

TEST_F(CudaQkNormRopeSwiGluTest, IndexesBeyondTwoToTheThirtyOne) {
  const Shape shape{16, 64, 2736};
  constexpr int64_t kTokens = 262144;  // x 8544 columns
  at::Tensor y = at::empty({kTokens, shape.columns()}, at::TensorOptions(at::kCUDA).dtype(at::kBFloat16));
  y.normal_();
  ExpectReference(shape, y, 500, kTokens - 300);
}

}  // namespace
}  // namespace vitok
