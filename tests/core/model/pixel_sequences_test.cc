#include "core/model/pixel_sequences.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/image/postprocess.h"

namespace vitok {
namespace {

PixelImage RandomImage(int64_t height_px, int64_t width_px, NormalizeMode mode = NormalizeMode::kMinusOneToOne) {
  at::manual_seed(3);
  return {at::randint(256, {height_px, width_px, 3}, at::kByte), mode};
}

at::Tensor PictureOf(const PatchSequence& patches, int64_t patch_px) {
  const DecodedPicture picture = ToPicture(patches, patch_px);
  EXPECT_TRUE(picture.finite);
  return picture.pixels_HW3;
}

// [3, H, W] as one patch per pixel.
PatchSequence PixelPatches(const at::Tensor& pixels_3HW) {
  const ImageGeometry geometry = {static_cast<int32_t>(pixels_3HW.size(1)), static_cast<int32_t>(pixels_3HW.size(2)),
                                  static_cast<int32_t>(pixels_3HW.size(1)), static_cast<int32_t>(pixels_3HW.size(2))};
  const TokenPositions positions = RasterPositions(geometry, /*padding=*/0);
  return {pixels_3HW.flatten(1).t(), positions.row_N, positions.col_N, geometry};
}

TEST(PixelSequencesTest, PicturesUndoPatches) {
  for (const auto& [height_px, width_px] : {std::pair(32, 48), {1, 1}, {33, 47}, {5, 100}}) {
    const PixelImage image = RandomImage(height_px, width_px);
    const PatchSequence patches = ToPatches(image, 16);
    EXPECT_EQ(patches.geometry, GeometryOf(image, 16));
    EXPECT_EQ(patches.patches_ND.size(0), patches.geometry.cells());
    EXPECT_TRUE(PictureOf(patches, 16).equal(image.pixels_HW3));
  }
}

TEST(PixelSequencesTest, PlacesTokensByTheirIndices) {
  const PixelImage image = RandomImage(33, 47);
  PatchSequence patches = ToPatches(image, 16);
  const at::Tensor order = at::arange(patches.patches_ND.size(0) - 1, -1, -1);
  patches.patches_ND = patches.patches_ND.index({order});
  patches.row_N = patches.row_N.index({order});
  patches.col_N = patches.col_N.index({order});
  EXPECT_TRUE(PictureOf(patches, 16).equal(image.pixels_HW3));
}

TEST(PixelSequencesTest, EveryTypeOfPatchesGivesThePictureOfItsValues) {
  PatchSequence patches = ToPatches(RandomImage(20, 37), 16);
  const at::Tensor pixels_3HW = *PatchesToPixels(patches, 16);
  const at::Tensor floats_ND = patches.patches_ND;
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    patches.patches_ND = floats_ND.to(type);
    const at::Tensor expected =
        ConvertPixelRange(pixels_3HW.to(type).to(at::kFloat), PixelRange::kMinusOneToOne, PixelRange::kZeroTo255);
    EXPECT_TRUE(PictureOf(patches, 16).permute({2, 0, 1}).equal(expected)) << type;
  }
}

TEST(PixelSequencesTest, TellsWhetherValuesAreFinite) {
  PatchSequence patches = ToPatches(RandomImage(20, 20), 16);
  patches.patches_ND[3][255] = std::numeric_limits<float>::quiet_NaN();  // outside the picture
  EXPECT_FALSE(ToPicture(patches, 16).finite);
}

TEST(PixelSequencesTest, CellsWithoutATokenAreMidGrey) {
  PatchSequence patches = ToPatches(RandomImage(16, 32), 16);
  patches.patches_ND = patches.patches_ND.narrow(0, 0, 1);
  patches.row_N = patches.row_N.narrow(0, 0, 1);
  patches.col_N = patches.col_N.narrow(0, 0, 1);
  EXPECT_TRUE(PictureOf(patches, 16).narrow(1, 16, 16).eq(128).all().item<bool>());
}

TEST(PixelSequencesTest, PictureEqualsConversionTo255) {
  const at::Tensor pixels_3HW = at::linspace(-1.3, 1.3, 3 * 100 * 37).view({3, 100, 37});
  const at::Tensor expected = ConvertPixelRange(pixels_3HW, PixelRange::kMinusOneToOne, PixelRange::kZeroTo255);
  EXPECT_TRUE(PictureOf(PixelPatches(pixels_3HW), 1).permute({2, 0, 1}).equal(expected));
}

TEST(PixelSequencesTest, RoundsHalfToEven) {
  // (x + 1) * 127.5 is exactly 127.5, 126.5 and 0.5 here.
  const at::Tensor pixels_3HW = at::tensor({0.0f, 126.5f / 127.5f - 1.0f, 0.5f / 127.5f - 1.0f}).view({3, 1, 1});
  const at::Tensor picture = PictureOf(PixelPatches(pixels_3HW), 1);
  for (int channel = 0; channel < 3; ++channel) {
    const float value = pixels_3HW[channel][0][0].item<float>();
    EXPECT_EQ(picture[0][0][channel].item<uint8_t>(), std::nearbyint((value + 1.0f) * 127.5f));
  }
  EXPECT_EQ(picture[0][0][0].item<uint8_t>(), 128);
}

TEST(PixelSequencesTest, InfinityIsClamped) {
  const float infinity = std::numeric_limits<float>::infinity();
  const DecodedPicture picture = ToPicture(PixelPatches(at::tensor({infinity, -infinity, 1.0f}).view({3, 1, 1})), 1);
  EXPECT_FALSE(picture.finite);
  EXPECT_TRUE(picture.pixels_HW3.flatten().equal(at::tensor({255, 0, 255}, at::kByte)));
}

}  // namespace
}  // namespace vitok
