#include "core/image/transforms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(TransformsTest, OnePassEqualsOperationAfterOperation) {
  for (const auto& [height_px, width_px] : {std::pair(32, 48), {1, 1}, {33, 47}, {16, 17}, {5, 100}}) {
    const RgbImage image = MakePattern(height_px, width_px);
    for (const NormalizeMode mode :
         {NormalizeMode::kMinusOneToOne, NormalizeMode::kImagenet, NormalizeMode::kZeroToOne}) {
      for (const int32_t patch_px : {1, 8, 16}) {
        const PatchifyOp patchify{patch_px, 5000};
        const absl::StatusOr<PatchSequence> fused = PatchifyImage({mode}, patchify, image);
        const absl::StatusOr<PatchSequence> separate =
            PatchifyTensor(patchify, NormalizeTensor({mode}, ImageToTensor(image)));
        ASSERT_TRUE(fused.ok() && separate.ok());
        EXPECT_TRUE(fused->patches_ND.equal(separate->patches_ND));
        EXPECT_TRUE(fused->row_N.equal(separate->row_N));
        EXPECT_TRUE(fused->col_N.equal(separate->col_N));
        EXPECT_EQ(fused->geometry, separate->geometry);
      }
    }
  }
}

TEST(TransformsTest, PatchesLieRowByRowAndChannelFirst) {
  RgbImage image(2, 3);
  for (size_t i = 0; i < image.pixels_HWC.size(); ++i) image.pixels_HWC[i] = static_cast<uint8_t>(i);
  const absl::StatusOr<PatchSequence> patches = PatchifyImage({NormalizeMode::kZeroToOne}, {2, 2}, image);
  ASSERT_TRUE(patches.ok()) << patches.status();
  // The third column is filled up with 0.
  const at::Tensor expected = at::tensor({0, 3, 9,  12, 1, 4, 10, 13, 2, 5, 11, 14,  //
                                          6, 0, 15, 0,  7, 0, 16, 0,  8, 0, 17, 0},
                                         at::kFloat)
                                  .view({2, 12});
  EXPECT_TRUE((patches->patches_ND * 255).allclose(expected));
  EXPECT_TRUE(patches->row_N.equal(at::tensor({0, 0}, at::kInt)));
  EXPECT_TRUE(patches->col_N.equal(at::tensor({0, 1}, at::kInt)));
  EXPECT_EQ(patches->geometry, (ImageGeometry{2, 3, 1, 2}));
}

TEST(TransformsTest, CenterCropTakesTheMiddle) {
  RgbImage image(4, 8);
  for (size_t i = 0; i < image.pixels_HWC.size(); ++i) image.pixels_HWC[i] = static_cast<uint8_t>(i / 3 % 8);
  const RgbImage crop = CropToCenter({4}, image);
  EXPECT_EQ(crop.height_px, 4);
  EXPECT_EQ(crop.width_px, 4);
  for (size_t i = 0; i < crop.pixels_HWC.size(); ++i) EXPECT_EQ(crop.pixels_HWC[i], 2 + i / 3 % 4);
}

TEST(TransformsTest, CenterCropOfANarrowImageStaysSmall) {
  // Scaled so that the shorter side fits, the whole picture would have 60000 * 1024 columns.
  const RgbImage crop = CropToCenter({1024}, RgbImage(1, 60000));
  EXPECT_EQ(crop.height_px, 1024);
  EXPECT_EQ(crop.width_px, 1024);
}

TEST(TransformsTest, ResizeKeepsSmallImages) {
  const RgbImage image = MakePattern(20, 30);
  const absl::StatusOr<RgbImage> resized = ResizeToLongestSide({30}, image);
  ASSERT_TRUE(resized.ok());
  EXPECT_EQ(*resized, image);
}

TEST(TransformsTest, ResizeRefusesASideThatRoundsToZero) {
  const absl::Status status = ResizeToLongestSide({100}, RgbImage(2, 1000)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("1000 x 2"), HasSubstr("100 x 0")));
}

TEST(TransformsTest, CountPatchesNamesBothNumbers) {
  EXPECT_EQ(*CountPatches({16, 12}, {48, 64}), 12);
  const absl::Status status = CountPatches({16, 11}, {48, 64}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("needs 12 tokens"), HasSubstr("allows 11")));
}

TEST(TransformsTest, MirroringTwiceGivesThePicture) {
  const RgbImage image = MakePattern(5, 8);
  const RgbImage mirrored = MirrorImage(image);
  for (int64_t x = 0; x < 8; ++x) EXPECT_EQ(mirrored.pixels_HWC[x * 3], image.pixels_HWC[(7 - x) * 3]);
  EXPECT_EQ(MirrorImage(mirrored), image);
  EXPECT_TRUE(MirrorTensor(ImageToTensor(image)).equal(ImageToTensor(mirrored)));
}

TEST(TransformsTest, BudgetKeepsWhatFitsAndIsNotClamped) {
  RgbImage image(64, 64);
  for (size_t i = 0; i < image.pixels_HWC.size(); ++i) image.pixels_HWC[i] = i / 3 % 64 < 32 ? 0 : 255;
  const at::Tensor pixels_3HW = NormalizeTensor({}, ImageToTensor(image));
  EXPECT_TRUE(ResizeToTokenBudget({16, 16}, pixels_3HW).is_same(pixels_3HW));
  const at::Tensor smaller_3HW = ResizeToTokenBudget({16, 9}, pixels_3HW);
  EXPECT_EQ(smaller_3HW.sizes(), at::IntArrayRef({3, 48, 48}));
  EXPECT_GT(smaller_3HW.max().item<float>(), 1.0f);
  EXPECT_LT(smaller_3HW.min().item<float>(), -1.0f);
  EXPECT_EQ(BudgetSize({16, 9}, {10, 1000}), (SizePx{10, 368}));
}

}  // namespace
}  // namespace vitok
