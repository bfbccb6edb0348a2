#include "client/cli/picture_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vitok {
namespace {

using ::testing::HasSubstr;

RgbImage Filled(int32_t height, int32_t width, uint8_t value) {
  RgbImage image(height, width);
  for (uint8_t& pixel : image.pixels_HWC) pixel = value;
  return image;
}

TEST(SideBySideTest, PutsBothPicturesInOne) {
  const RgbImage both = SideBySide(Filled(1, 2, 10), Filled(2, 1, 20));
  EXPECT_EQ(both.height_px, 2);
  EXPECT_EQ(both.width_px, 3);
  const std::vector<uint8_t> expected = {10,  10,  10,  10,  10,  10,  20, 20, 20,  // the lower one over white
                                         255, 255, 255, 255, 255, 255, 20, 20, 20};
  EXPECT_EQ(both.pixels_HWC, expected);
}

TEST(PictureFormatTest, FollowsTheSuffix) {
  EXPECT_EQ(*PictureFormat({}, "a/b.PNG"), ImageFormat::kPng);
  EXPECT_EQ(*PictureFormat({}, "b.jpg"), ImageFormat::kJpeg);
  EXPECT_EQ(*PictureFormat({}, "b.jpeg"), ImageFormat::kJpeg);
  EXPECT_EQ(*PictureFormat({}, "b.webp"), ImageFormat::kWebp);
}

TEST(PictureFormatTest, PrefersTheFormatAskedFor) {
  EXPECT_EQ(*PictureFormat({.format = "webp"}, "b.png"), ImageFormat::kWebp);
  EXPECT_EQ(*PictureFormat({.format = "jpg"}, "b"), ImageFormat::kJpeg);
}

TEST(PictureFormatTest, RefusesOtherSuffixesNamingThePath) {
  for (const char* path : {"b.gif", "b", "png"}) {
    const absl::Status status = PictureFormat({}, path).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("output ") + path + " must end in .png"));
  }
}

TEST(ToRgbImageTest, TakesThePixelsOfATensor) {
  Picture picture{1, 2, HostTensor{DType::kUint8, {1, 2, 3}, "\1\2\3\4\5\6"}};
  const absl::StatusOr<RgbImage> image = ToRgbImage(picture);
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->width_px, 2);
  EXPECT_EQ(image->pixels_HWC, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
}

TEST(ToRgbImageTest, RefusesEverythingElse) {
  EXPECT_TRUE(absl::IsInternal(ToRgbImage({1, 2, EncodedImage{"png"}}).status()));
  EXPECT_TRUE(absl::IsInternal(ToRgbImage({1, 1, HostTensor{DType::kFloat32, {1, 1, 3}, ""}}).status()));
  EXPECT_TRUE(absl::IsInternal(ToRgbImage({2, 1, HostTensor{DType::kUint8, {1, 2, 3}, "123456"}}).status()));
}

}  // namespace
}  // namespace vitok
