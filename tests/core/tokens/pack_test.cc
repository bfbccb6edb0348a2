#include "core/tokens/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

using testing::ElementsAre;

PatchSequence MakeImage(int32_t rows, int32_t cols, float value) {
  return {at::full({rows * cols, 12}, value),
          at::arange(rows, at::kInt).repeat_interleave(cols),
          at::arange(cols, at::kInt).repeat({rows}),
          {rows * 2, cols * 2, rows, cols}};
}

TEST(PackPatches, PutsImagesOneAfterTheOtherWithoutPadding) {
  const std::vector<PatchSequence> images = {MakeImage(1, 2, 1), MakeImage(3, 1, 2), MakeImage(2, 2, 3)};
  const PackedPatches packed = PackPatches(images, {});
  EXPECT_THAT(packed.layout.offsets, ElementsAre(0, 2, 5, 9));
  EXPECT_EQ(packed.layout.max_image_tokens, 4);
  EXPECT_EQ(packed.layout.num_tokens(), 9);
  EXPECT_TRUE(IsSame(packed.layout.cu_I1, at::tensor({0, 2, 5, 9}, at::kInt)));
  EXPECT_TRUE(IsSame(packed.layout.row_T, at::tensor({0, 0, 0, 1, 2, 0, 0, 1, 1}, at::kInt)));
  EXPECT_TRUE(IsSame(packed.layout.col_T, at::tensor({0, 1, 0, 0, 0, 0, 1, 0, 1}, at::kInt)));
  EXPECT_TRUE(IsSame(packed.patches_TD.select(1, 0), at::tensor({1.f, 1.f, 2.f, 2.f, 2.f, 3.f, 3.f, 3.f, 3.f})));
}

TEST(PackPatches, SplitGivesTheImagesBack) {
  const std::vector<PatchSequence> images = {MakeImage(1, 2, 1), MakeImage(3, 1, 2)};
  const std::vector<PatchSequence> split = SplitPatches(PackPatches(images, {}));
  ASSERT_EQ(split.size(), 2u);
  for (size_t i = 0; i < split.size(); ++i) {
    EXPECT_TRUE(IsSame(split[i].patches_ND, images[i].patches_ND));
    EXPECT_TRUE(IsSame(split[i].row_N, images[i].row_N));
    EXPECT_TRUE(IsSame(split[i].col_N, images[i].col_N));
    EXPECT_EQ(split[i].geometry, images[i].geometry);
  }
}

TEST(PackPatches, ConvertsToTheModelsDtype) {
  const std::vector<PatchSequence> images = {MakeImage(1, 1, 0.1f)};
  EXPECT_EQ(PackPatches(images, {.dtype = at::kBFloat16}).patches_TD.scalar_type(), at::kBFloat16);
}

TEST(PackLatents, AddsZeroTokensAtTheOriginOnlyWhenAsked) {
  const LatentSequence latent{at::ones({2, 4}), at::tensor({5, 6}, at::kInt), at::tensor({7, 8}, at::kInt), {}};
  const PackedLatents packed = PackLatents({{latent, latent}}, {.pad_to_tokens = 3});
  EXPECT_THAT(packed.layout.offsets, ElementsAre(0, 3, 6));
  EXPECT_TRUE(IsSame(packed.z_TZ.select(1, 0), at::tensor({1.f, 1.f, 0.f, 1.f, 1.f, 0.f})));
  EXPECT_TRUE(IsSame(packed.layout.row_T, at::tensor({5, 6, 0, 5, 6, 0}, at::kInt)));
  EXPECT_EQ(PaddingTokens({2, 2}, 3), 2);
  EXPECT_EQ(PaddingTokens({2, 2}, std::nullopt), 0);
  EXPECT_EQ(SplitLatents(packed)[1].z_NZ.size(0), 3);
}

TEST(SplitLatents, ResultsOwnTheirMemory) {
  const LatentSequence latent{at::ones({2, 4}), at::zeros({2}, at::kInt), at::zeros({2}, at::kInt), {}};
  PackedLatents packed = PackLatents({{latent, latent}}, {});
  const std::vector<LatentSequence> split = SplitLatents(packed);
  packed.z_TZ.fill_(7);
  EXPECT_TRUE(IsSame(split[1].z_NZ, latent.z_NZ));
}

}  // namespace
}  // namespace vitok
