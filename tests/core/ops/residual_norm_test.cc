#include "core/ops/residual_norm.h"

#include <gtest/gtest.h>

#include "core/ops/rms_norm.h"
#include "tests/core/ops/cuda_checks.h"
#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

TEST(ResidualNorm, AddsThenNormsWithoutWeight) {
  const at::Tensor x = RandomTensor({5, 24}, at::kFloat, 1), r = RandomTensor({5, 24}, at::kFloat, 2);
  at::Tensor sum = x.clone(), h = at::empty_like(x);
  ResidualNormInto(sum, r, h);
  EXPECT_TRUE(IsNear(sum, x + r, 0));
  EXPECT_TRUE(IsNear(h, RmsNormReference(x + r, at::ones({24})), 1e-6));
  QuantizedRows rows = QuantizedRows::Empty(5, 24, at::kCPU);
  ResidualNormInto(sum, {}, rows);
  EXPECT_TRUE(IsQuantizedOnce(rows, h));
  EXPECT_TRUE(IsNear(sum, x + r, 0)) << "without a residual x stays";
}

class CudaResidualNormTest : public CudaTest {
 protected:
  static void ExpectReference(const at::Tensor& x, const at::Tensor& residual) {
    const int64_t tokens = x.size(0), width = x.size(1);
    at::Tensor expected_x = x.clone();
    if (residual.defined()) expected_x = (x.to(at::kFloat) + residual.to(at::kFloat)).to(at::kBFloat16);
    at::Tensor x32 = expected_x.to(at::kFloat);
    at::Tensor expected_h = at::empty_like(x32);
    ResidualNormReference(x32, {}, expected_h);

    at::Tensor actual_x = x.clone(), h = Poisoned({tokens, width + 8}).narrow(1, 0, width);
    ResidualNormInto(actual_x, residual, h);
    EXPECT_TRUE(IsSame(actual_x, expected_x)) << tokens << " x " << width;
    EXPECT_TRUE(IsRoundedOnce(h, expected_h, 1e-6)) << tokens << " x " << width;

    actual_x = x.clone();
    QuantizedRows rows = PoisonedRows(tokens, width, 0, 8);
    ResidualNormInto(actual_x, residual, rows);
    EXPECT_TRUE(IsSame(actual_x, expected_x)) << tokens << " x " << width;
    EXPECT_TRUE(IsQuantizedOnce(rows, expected_h)) << tokens << " x " << width;
  }
};

TEST_F(CudaResidualNormTest, EqualsTheReferenceAtAnyWidth) {
  for (const int64_t width : {1, 7, 8, 72, 192, 768, 1001, 1024, 1728, 3072, 4096, 8192, 8200}) {
    for (const int64_t tokens : {1, 3, 131}) {
      ExpectReference(Random({tokens, width}, 5), Random({tokens, width}));
      ExpectReference(Random({tokens, width}, 5), {});
    }
  }
}

TEST_F(CudaResidualNormTest, TakesRowsWithStrides) {
  ExpectReference(Random({9, 1040}).narrow(1, 8, 1024), Random({9, 1032}).narrow(1, 0, 1024));
  ExpectReference(Random({9, 1040}).narrow(1, 3, 1024), Random({9, 1031}).narrow(1, 1, 1024));
}

TEST_F(CudaResidualNormTest, TakesZerosOutliersAndExtremes) {
  at::Tensor x = Random({5, 1024});
  x[0].zero_();
  x[1].mul_(1e15);
  x[2].mul_(1e-15);
  x[3][17] = 1e6;
  ExpectReference(x, {});
  ExpectReference(x, Random({5, 1024}));
  ExpectReference(x, -x);
}

TEST_F(CudaResidualNormTest, TakesNoTokens) {
  at::Tensor x = Random({0, 64}), h = Random({0, 64});
  ResidualNormInto(x, {}, h);
  EXPECT_EQ(x.numel(), 0);
}

}  // namespace
}  // namespace vitok
