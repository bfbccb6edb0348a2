#include "core/ops/patchify.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

TEST(Patchify, OrdersChannelThenRowThenColumn) {
  const at::Tensor pixels = at::arange(3 * 4 * 6, at::kFloat).view({3, 4, 6});
  const at::Tensor patches = Patchify(pixels, 2);
  ASSERT_EQ(patches.sizes(), at::IntArrayRef({6, 12}));
  // Patch 4 is row 1, column 1: pixels (2..3, 2..3).
  EXPECT_EQ(patches[4][0].item<float>(), pixels[0][2][2].item<float>());
  EXPECT_EQ(patches[4][1].item<float>(), pixels[0][2][3].item<float>());
  EXPECT_EQ(patches[4][2].item<float>(), pixels[0][3][2].item<float>());
  EXPECT_EQ(patches[4][4].item<float>(), pixels[1][2][2].item<float>());
}

TEST(Patchify, FillsTheRightAndBottomEdgeWithZero) {
  const at::Tensor patches = Patchify(at::ones({3, 5, 3}), 4);
  ASSERT_EQ(patches.sizes(), at::IntArrayRef({2, 48}));
  EXPECT_EQ(patches[0].sum().item<float>(), 3 * 4 * 3);
  EXPECT_EQ(patches[1].sum().item<float>(), 3 * 1 * 3);
}

TEST(Patchify, UnpatchifyIsTheInverse) {
  const at::Tensor pixels = RandomTensor({3, 48, 80}, at::kFloat, 13);
  EXPECT_TRUE(IsSame(Unpatchify(Patchify(pixels, 16), 3, 5, 16), pixels));
}

}  // namespace
}  // namespace vitok
