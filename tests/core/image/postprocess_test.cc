#include "core/image/postprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/image/transforms.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

PatchSequence PatchesOf(const RgbImage& image, int32_t patch_px) {
  return PatchifyImage({}, {patch_px, kMaxTokens}, image).value();
}

std::string ErrorOf(const PatchSequence& patches, int64_t patch_px) {
  const absl::Status status = PatchesToPixels(patches, patch_px).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(PostprocessTest, EveryTypeOfPatchesGivesEveryTypeOfPixels) {
  const PatchSequence floats = PatchesOf(MakePattern(20, 37), 16);
  const at::Tensor pixels_3HW = *PatchesToPixels(floats, 16);
  for (const at::ScalarType from : {at::kFloat, at::kHalf, at::kBFloat16}) {
    PatchSequence patches = floats;
    patches.patches_ND = floats.patches_ND.to(from);
    for (const at::ScalarType to : {at::kFloat, at::kHalf, at::kBFloat16}) {
      const absl::StatusOr<at::Tensor> got_3HW = PatchesToPixels(patches, 16, to);
      ASSERT_TRUE(got_3HW.ok()) << got_3HW.status();
      EXPECT_TRUE(got_3HW->equal(pixels_3HW.to(from).to(to))) << from << " to " << to;
    }
  }
}

TEST(PostprocessTest, CellsWithoutATokenAreZero) {
  PatchSequence patches = PatchesOf(MakePattern(16, 32), 16);
  patches.patches_ND = patches.patches_ND.narrow(0, 0, 1);
  patches.row_N = patches.row_N.narrow(0, 0, 1);
  patches.col_N = patches.col_N.narrow(0, 0, 1);
  const absl::StatusOr<at::Tensor> pixels_3HW = PatchesToPixels(patches, 16);
  ASSERT_TRUE(pixels_3HW.ok()) << pixels_3HW.status();
  EXPECT_TRUE(pixels_3HW->narrow(2, 16, 16).eq(0).all().item<bool>());
}

TEST(PostprocessTest, RefusesTokensThatDoNotFitTheGrid) {
  const PatchSequence good = PatchesOf(MakePattern(32, 48), 16);
  PatchSequence bad = good;
  bad.row_N = good.row_N.clone();
  bad.row_N[4] = 2;
  EXPECT_THAT(ErrorOf(bad, 16), AllOf(HasSubstr("token 4"), HasSubstr("row 2"), HasSubstr("2 rows")));
  bad.row_N[4] = -1;
  EXPECT_THAT(ErrorOf(bad, 16), HasSubstr("row -1"));
  bad.row_N[4] = 0;
  EXPECT_THAT(ErrorOf(bad, 16), HasSubstr("another token"));
  bad = good;
  bad.geometry.width_px = 49;
  EXPECT_THAT(ErrorOf(bad, 16), AllOf(HasSubstr("49 x 32"), HasSubstr("3 x 2 patches of 16 px")));
  EXPECT_THAT(ErrorOf(good, 32), HasSubstr("3072 values"));
  bad = good;
  bad.col_N = good.col_N.narrow(0, 0, 5);
  EXPECT_THAT(ErrorOf(bad, 16), AllOf(HasSubstr("6 patches"), HasSubstr("5")));
}

TEST(PostprocessTest, EqualRangesAreNotClamped) {
  const at::Tensor pixels = at::tensor({-3.0f, 7.0f});
  for (const PixelRange range : {PixelRange::kMinusOneToOne, PixelRange::kZeroToOne, PixelRange::kZeroTo255}) {
    EXPECT_TRUE(ConvertPixelRange(pixels, range, range).equal(pixels));
  }
}

TEST(PostprocessTest, RangeNamesAreThoseOfTheReference) {
  EXPECT_EQ(*ParsePixelRange("minus_one_to_one"), PixelRange::kMinusOneToOne);
  EXPECT_EQ(*ParsePixelRange("zero_to_one"), PixelRange::kZeroToOne);
  EXPECT_EQ(*ParsePixelRange("0_255"), PixelRange::kZeroTo255);
  EXPECT_THAT(std::string(ParsePixelRange("bgr").status().message()), HasSubstr("'bgr'"));
}

}  // namespace
}  // namespace vitok
