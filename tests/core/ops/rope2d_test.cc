#include "core/ops/rope2d.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

at::Tensor Positions(std::vector<int> values) { return at::tensor(values, at::kInt); }

TEST(Rope2d, RowsTurnTheFirstHalfAndColumnsTheSecond) {
  const RopeTable table = MakeRopeTable(Positions({3}), Positions({0}), 8);
  EXPECT_TRUE(IsNear(table.cos_TF[0], at::tensor({std::cos(3.0f), std::cos(0.03f), 1.0f, 1.0f}), 1e-6));
  const RopeTable column = MakeRopeTable(Positions({0}), Positions({5}), 8);
  EXPECT_TRUE(IsNear(column.sin_TF[0], at::tensor({0.0f, 0.0f, std::sin(5.0f), std::sin(0.05f)}), 1e-6));
}

TEST(Rope2d, NeighboursFormAPair) {
  const RopeTable table = MakeRopeTable(Positions({1}), Positions({0}), 4);
  at::Tensor x = at::zeros({1, 1, 4});
  x[0][0][0] = 1;
  const at::Tensor y = ApplyRope(x, table);
  EXPECT_TRUE(IsNear(y[0][0], at::tensor({std::cos(1.0f), std::sin(1.0f), 0.0f, 0.0f}), 1e-6));
}

TEST(Rope2d, ScoresDependOnRelativePositionsOnly) {
  const at::Tensor q = RandomTensor({2, 3, 32}, at::kFloat, 1);
  const auto score = [&](int offset) {
    const at::Tensor turned =
        ApplyRope(q, MakeRopeTable(Positions({2 + offset, 7 + offset}), Positions({1 + offset, 9 + offset}), 32));
    return (turned[0] * turned[1]).sum(-1);
  };
  EXPECT_TRUE(IsNear(score(40), score(0), 1e-4));
  EXPECT_FALSE(IsNear((q[0] * q[1]).sum(-1), score(0), 1e-2));
}

TEST(Rope2d, RefusesHeadDimensionsThatAreNoMultipleOfFour) {
  EXPECT_THROW(MakeRopeTable(Positions({0}), Positions({0}), 6), c10::Error);
}

}  // namespace
}  // namespace vitok
