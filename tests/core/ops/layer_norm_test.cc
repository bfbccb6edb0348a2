#include "core/ops/layer_norm.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

TEST(LayerNorm, RowsHaveMeanZeroAndVarianceOne) {
  const at::Tensor y = LayerNorm(RandomTensor({5, 64}, at::kFloat, 3) * 7 + 2);
  EXPECT_TRUE(IsNear(y.mean(-1), at::zeros({5}), 1e-5));
  EXPECT_TRUE(IsNear(y.square().mean(-1), at::ones({5}), 1e-4));
}

TEST(LayerNorm, KeepsTheDtypeAndComputesInFloat32) {
  const at::Tensor x = RandomTensor({5, 64}, at::kBFloat16, 4);
  const at::Tensor y = LayerNorm(x);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(IsSame(y, LayerNorm(x.to(at::kFloat)).to(at::kBFloat16)));
}

TEST(LayerNorm, ConstantRowsGiveZero) { EXPECT_TRUE(IsSame(LayerNorm(at::full({2, 8}, 3.0f)), at::zeros({2, 8}))); }

}  // namespace
}  // namespace vitok
