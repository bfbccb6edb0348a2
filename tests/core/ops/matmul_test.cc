#include "core/ops/matmul.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

class MatmulTest : public testing::TestWithParam<OpParams> {
 protected:
  // bfloat16 results of size about 8 are rounded to steps of 2^-4 once; the float64 product is exact.
  double tolerance() const { return GetParam().dtype == at::kFloat ? 2e-5 : 0.0625; }

  const at::Tensor a_ = RandomTensor({37, 65}, GetParam().dtype, 30);
  const at::Tensor weight_ = RandomTensor({21, 65}, GetParam().dtype, 31);
  const at::Tensor expected_ = at::matmul(a_.to(at::kDouble), weight_.to(at::kDouble).t());
};

INSTANTIATE_TEST_SUITE_P(, MatmulTest, kFloatAndBfloat16, OpParamName);

TEST_P(MatmulTest, ProductIsRoundedOnce) {
  at::Tensor out = at::empty({37, 21}, a_.options());
  MatmulInto(a_, PrepareWeight(weight_).t(), out);
  EXPECT_EQ(out.scalar_type(), GetParam().dtype);
  EXPECT_TRUE(IsNear(out, expected_, tolerance()));
}

TEST_P(MatmulTest, AddsToWhatIsThere) {
  at::Tensor x = RandomTensor({37, 21}, GetParam().dtype, 32);
  const at::Tensor sum = expected_ + x.to(at::kDouble);
  AddMatmul(a_, PrepareWeight(weight_).t(), x);
  EXPECT_TRUE(IsNear(x, sum, tolerance()));
}

TEST_P(MatmulTest, LinearAddsTheBias) {
  const at::Tensor bias = RandomTensor({21}, GetParam().dtype, 33);
  const at::Tensor y = Linear(a_, PrepareWeight(weight_), PrepareWeight(bias));
  EXPECT_EQ(y.scalar_type(), GetParam().dtype);
  EXPECT_TRUE(IsNear(y, expected_ + bias.to(at::kDouble), tolerance()));
}

}  // namespace
}  // namespace vitok
