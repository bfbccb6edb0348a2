#include "core/ops/rms_norm.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

class RmsNormTest : public testing::TestWithParam<OpParams> {};

INSTANTIATE_TEST_SUITE_P(, RmsNormTest, kFloatAndBfloat16, OpParamName);

TEST_P(RmsNormTest, KernelEqualsReferenceForOddSizes) {
  for (const auto& [tokens, width] : {std::pair{1, 1}, {3, 17}, {257, 192}, {64, 1728}, {0, 8}}) {
    const at::Tensor x = RandomTensor({tokens, width}, GetParam().dtype, tokens);
    const at::Tensor weight = RandomTensor({width}, GetParam().dtype, width);
    EXPECT_TRUE(IsNear(RmsNormCpu(x, weight, kNormEps), RmsNormReference(x, weight), 4 * GetParam().tolerance))
        << tokens << "x" << width;
  }
}

TEST_P(RmsNormTest, ReadsRowsWithAnyStride) {
  const at::Tensor wide = RandomTensor({33, 100}, GetParam().dtype, 1);
  const at::Tensor weight = RandomTensor({40}, GetParam().dtype, 2);
  const at::Tensor x = wide.narrow(1, 7, 40);
  EXPECT_TRUE(IsSame(RmsNorm(x, weight), RmsNorm(x.contiguous(), weight)));
}

TEST(RmsNorm, EpsKeepsTinyRowsTiny) {
  const at::Tensor x = at::full({1, 4}, 1e-5f);
  const at::Tensor y = RmsNorm(x, at::ones({4}));
  EXPECT_NEAR(y[0][0].item<float>(), 1e-5 / std::sqrt(1e-10 + 1e-6), 1e-7);
  EXPECT_TRUE(IsSame(RmsNorm(at::zeros({2, 4}), at::ones({4})), at::zeros({2, 4})));
}

TEST(RmsNorm, NonFiniteInputStaysInItsRow) {
  at::Tensor x = at::ones({3, 8});
  x[1][2] = NAN;
  const at::Tensor y = RmsNorm(x, at::ones({8}));
  EXPECT_TRUE(y[1].isnan().all().item<bool>());
  EXPECT_TRUE(y[0].isfinite().all().item<bool>() && y[2].isfinite().all().item<bool>());
}

}  // namespace
}  // namespace vitok
