#include "core/image/postprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "core/image/transforms.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

PatchSequence PatchesOf(const RgbImage& image, int32_t patch_px) {
  return PatchifyImage({}, {patch_px, kMaxTokens}, image).value();
}

RgbImage PictureOf(const PatchSequence& patches, int64_t patch_px) {
  bool finite = false;
  absl::StatusOr<RgbImage> image = PatchesToRgbImage(patches, patch_px, &finite);
  EXPECT_TRUE(finite);
  return *std::move(image);
}

// [3, H, W] as one patch per pixel.
PatchSequence PixelPatches(const at::Tensor& pixels_3HW) {
  const auto rows = static_cast<int32_t>(pixels_3HW.size(1)), cols = static_cast<int32_t>(pixels_3HW.size(2));
  return {pixels_3HW.flatten(1).t(),
          at::arange(rows, at::kInt).repeat_interleave(cols),
          at::arange(cols, at::kInt).repeat({rows}),
          {rows, cols, rows, cols}};
}

std::string ErrorOf(const PatchSequence& patches, int64_t patch_px) {
  const absl::Status status = PatchesToPixels(patches, patch_px).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(PostprocessTest, UndoesPreprocessing) {
  for (const auto& [height_px, width_px] : {std::pair(32, 48), {1, 1}, {33, 47}, {5, 100}}) {
    const RgbImage image = MakePattern(height_px, width_px);
    const PatchSequence patches = PatchesOf(image, 16);
    EXPECT_EQ(PictureOf(patches, 16), image);
    bool finite = false;
    const absl::StatusOr<at::Tensor> pixels_HW3 = PatchesToBytes(patches, 16, &finite);
    ASSERT_TRUE(pixels_HW3.ok()) << pixels_HW3.status();
    EXPECT_TRUE(finite);
    EXPECT_EQ(pixels_HW3->sizes(), at::IntArrayRef({height_px, width_px, 3}));
    EXPECT_EQ(std::memcmp(pixels_HW3->const_data_ptr(), image.pixels_HWC.data(), image.pixels_HWC.size()), 0);
  }
}

TEST(PostprocessTest, PlacesTokensByTheirIndices) {
  const RgbImage image = MakePattern(33, 47);
  PatchSequence patches = PatchesOf(image, 16);
  const at::Tensor order = at::arange(patches.patches_ND.size(0) - 1, -1, -1);
  patches.patches_ND = patches.patches_ND.index({order});
  patches.row_N = patches.row_N.index({order});
  patches.col_N = patches.col_N.index({order});
  EXPECT_EQ(PictureOf(patches, 16), image);
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
    const RgbImage image = PictureOf(patches, 16);
    const at::Tensor expected =
        ConvertPixelRange(pixels_3HW.to(from).to(at::kFloat), PixelRange::kMinusOneToOne, PixelRange::kZeroTo255);
    const at::Tensor got_HW3 = at::from_blob(const_cast<uint8_t*>(image.pixels_HWC.data()), {20, 37, 3}, at::kByte);
    EXPECT_TRUE(got_HW3.permute({2, 0, 1}).equal(expected)) << from;
  }
}

TEST(PostprocessTest, TellsWhetherValuesAreFinite) {
  PatchSequence patches = PatchesOf(MakePattern(20, 20), 16);
  patches.patches_ND[3][255] = std::numeric_limits<float>::quiet_NaN();  // outside the picture
  bool finite = true;
  EXPECT_TRUE(PatchesToBytes(patches, 16, &finite).ok());
  EXPECT_FALSE(finite);
  finite = true;
  EXPECT_TRUE(PatchesToRgbImage(patches, 16, &finite).ok());
  EXPECT_FALSE(finite);
}

TEST(PostprocessTest, CellsWithoutATokenAreZero) {
  PatchSequence patches = PatchesOf(MakePattern(16, 32), 16);
  patches.patches_ND = patches.patches_ND.narrow(0, 0, 1);
  patches.row_N = patches.row_N.narrow(0, 0, 1);
  patches.col_N = patches.col_N.narrow(0, 0, 1);
  const absl::StatusOr<at::Tensor> pixels_3HW = PatchesToPixels(patches, 16);
  ASSERT_TRUE(pixels_3HW.ok()) << pixels_3HW.status();
  EXPECT_TRUE(pixels_3HW->narrow(2, 16, 16).eq(0).all().item<bool>());
  bool finite = false;
  const absl::StatusOr<at::Tensor> pixels_HW3 = PatchesToBytes(patches, 16, &finite);
  ASSERT_TRUE(pixels_HW3.ok()) << pixels_HW3.status();
  EXPECT_TRUE(pixels_HW3->narrow(1, 16, 16).eq(128).all().item<bool>());
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

TEST(PostprocessTest, PictureEqualsConversionTo255) {
  const at::Tensor pixels_3HW = at::linspace(-1.3, 1.3, 3 * 100 * 37).view({3, 100, 37});
  const at::Tensor expected = ConvertPixelRange(pixels_3HW, PixelRange::kMinusOneToOne, PixelRange::kZeroTo255);
  const RgbImage image = PictureOf(PixelPatches(pixels_3HW), 1);
  const at::Tensor got_HW3 = at::from_blob(const_cast<uint8_t*>(image.pixels_HWC.data()), {100, 37, 3}, at::kByte);
  EXPECT_TRUE(got_HW3.permute({2, 0, 1}).equal(expected));
}

TEST(PostprocessTest, RoundsHalfToEven) {
  // (x + 1) * 127.5 is exactly 127.5, 126.5 and 0.5 here.
  const at::Tensor pixels_3HW = at::tensor({0.0f, 126.5f / 127.5f - 1.0f, 0.5f / 127.5f - 1.0f}).view({3, 1, 1});
  const RgbImage image = PictureOf(PixelPatches(pixels_3HW), 1);
  for (int channel = 0; channel < 3; ++channel) {
    const float value = pixels_3HW[channel][0][0].item<float>();
    EXPECT_EQ(image.pixels_HWC[channel], std::nearbyint((value + 1.0f) * 127.5f));
  }
  EXPECT_EQ(image.pixels_HWC[0], 128);
}

TEST(PostprocessTest, InfinityIsClamped) {
  const float infinity = std::numeric_limits<float>::infinity();
  bool finite = true;
  const PatchSequence patches = PixelPatches(at::tensor({infinity, -infinity, 1.0f}).view({3, 1, 1}));
  const absl::StatusOr<RgbImage> image = PatchesToRgbImage(patches, 1, &finite);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_FALSE(finite);
  EXPECT_EQ(image->pixels_HWC, (std::vector<uint8_t>{255, 0, 255}));
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
