#include "core/ops/qk_norm_rope.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

class QkNormRopeTest : public testing::TestWithParam<OpParams> {};

INSTANTIATE_TEST_SUITE_P(, QkNormRopeTest, kFloatAndBfloat16, OpParamName);

TEST_P(QkNormRopeTest, KernelEqualsReferenceAndLeavesValuesAlone) {
  struct Shape {
    int64_t tokens, heads, head_dim, spare_columns;
  };
  for (const Shape& shape : {Shape{1, 1, 4, 0}, Shape{37, 3, 64, 128}, Shape{130, 2, 72, 5}, Shape{8, 4, 128, 0}}) {
    const int64_t width = 3 * shape.heads * shape.head_dim;
    const at::Tensor buffer = RandomTensor({shape.tokens, width + shape.spare_columns}, GetParam().dtype, 5);
    const at::Tensor expected_buffer = buffer.clone();
    const auto view = [&](const at::Tensor& all) {
      return all.narrow(1, 0, width).unflatten(1, {3, shape.heads, shape.head_dim});
    };
    const at::Tensor weight_q = RandomTensor({shape.head_dim}, GetParam().dtype, 6);
    const at::Tensor weight_k = RandomTensor({shape.head_dim}, GetParam().dtype, 7);
    const RopeTable table = MakeRopeTable(at::randint(90, {shape.tokens}, at::kInt),
                                          at::randint(90, {shape.tokens}, at::kInt), shape.head_dim);
    at::Tensor actual = view(buffer);
    at::Tensor expected = view(expected_buffer);
    QkNormRopeCpu(actual, weight_q, weight_k, table);
    QkNormRopeReference(expected, weight_q, weight_k, table);
    EXPECT_TRUE(IsNear(buffer, expected_buffer, 4 * GetParam().tolerance)) << shape.head_dim;
    EXPECT_TRUE(IsSame(actual.select(1, 2), expected.select(1, 2)));
  }
}

TEST(QkNormRope, TokenPositionsCountEvenWhenTokensEqualHeads) {
  // The reference implementation takes the table as one per head when the token count equals the head count.
  const at::Tensor qkv = RandomTensor({4, 3, 4, 8}, at::kFloat, 8);
  const at::Tensor weight = at::ones({8});
  const at::Tensor row = at::arange(4, at::kInt);
  at::Tensor together = qkv.clone();
  QkNormRope(together, weight, weight, MakeRopeTable(row, row, 8));
  for (int64_t t = 0; t < 4; ++t) {
    at::Tensor alone = qkv.narrow(0, t, 1).clone();
    QkNormRope(alone, weight, weight, MakeRopeTable(row.narrow(0, t, 1), row.narrow(0, t, 1), 8));
    EXPECT_TRUE(IsSame(together.narrow(0, t, 1), alone));
  }
}

}  // namespace
}  // namespace vitok
