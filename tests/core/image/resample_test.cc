#include "core/image/resample.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

constexpr ResampleFilter kFilters[] = {ResampleFilter::kBox, ResampleFilter::kBicubic, ResampleFilter::kLanczos};

TEST(ResampleTest, SameSizeGivesTheSamePixels) {
  const RgbImage image = MakePattern(13, 29);
  for (const ResampleFilter filter : kFilters) EXPECT_EQ(Resample(image, filter, 13, 29), image);
}

TEST(ResampleTest, BoxHalvesByAveraging) {
  RgbImage image(2, 2);
  image.pixels_HWC = {0, 10, 255, 4, 20, 255, 8, 30, 255, 12, 40, 255};
  const RgbImage half = Resample(image, ResampleFilter::kBox, 1, 1);
  EXPECT_EQ(half.pixels_HWC, (std::vector<uint8_t>{6, 25, 255}));
}

TEST(ResampleTest, KeepsAFlatColour) {
  RgbImage image(17, 23);
  std::fill(image.pixels_HWC.begin(), image.pixels_HWC.end(), 201);
  for (const ResampleFilter filter : kFilters) {
    for (const auto& [height_px, width_px] : {std::pair(5, 40), {40, 5}, {1, 1}}) {
      const RgbImage resized = Resample(image, filter, height_px, width_px);
      EXPECT_TRUE(
          std::all_of(resized.pixels_HWC.begin(), resized.pixels_HWC.end(), [](uint8_t v) { return v == 201; }));
    }
  }
}

TEST(ResampleTest, WindowIsThePartOfTheWhole) {
  const RgbImage image = MakePattern(31, 44);
  for (const ResampleFilter filter : kFilters) {
    for (const auto& [height_px, width_px] : {std::pair(20, 90), {62, 13}, {31, 50}, {50, 44}, {31, 44}}) {
      const RgbImage whole = Resample(image, filter, height_px, width_px);
      const PixelWindow window{7, 5, 11, 8};
      const RgbImage part = ResampleWindow(image, filter, height_px, width_px, window);
      ASSERT_EQ(part.height_px, window.height_px);
      ASSERT_EQ(part.width_px, window.width_px);
      for (int64_t y = 0; y < window.height_px; ++y) {
        const auto* expected = &whole.pixels_HWC[((y + window.top) * width_px + window.left) * 3];
        EXPECT_TRUE(std::equal(expected, expected + window.width_px * 3, &part.pixels_HWC[y * window.width_px * 3]));
      }
    }
  }
}

TEST(ResampleTest, WindowOfAHugePictureNeedsLittleMemory) {
  const RgbImage image = MakePattern(1, 60000);
  // The whole would have 60000 * 1024 x 1024 pixels.
  const RgbImage part = ResampleWindow(image, ResampleFilter::kBicubic, 1024, int64_t{60000} * 1024,
                                       {0, int64_t{30000} * 1024, 1024, 1024});
  EXPECT_EQ(part.height_px, 1024);
  EXPECT_EQ(part.width_px, 1024);
}

}  // namespace
}  // namespace vitok
