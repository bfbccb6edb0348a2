// What Pillow 12 makes of the first picture of a GIF file, whose rules these are.
#include "core/image/gif_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/image/gif_bytes.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

using testing::HasSubstr;

const GifColours kColours = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {100, 110, 120}};
const GifColours kOtherColours = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {11, 12, 13}};
const GifColours kGrays = {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}, {3, 3, 3}};

// Two rows of three pixels that fill the screen.
GifPicture MakePicture() {
  return {.screen_height_px = 2,
          .screen_width_px = 3,
          .height_px = 2,
          .width_px = 3,
          .indices = {0, 1, 2, 3, 2, 1},
          .screen_colours = kColours};
}

// The red of each pixel; that of colours tells them apart.
std::vector<int> Reds(const GifPicture& picture, AlphaRule alpha = AlphaRule::kOverWhite) {
  const absl::StatusOr<RgbImage> image = DecodeImage(MakeGif(picture), {}, alpha);
  EXPECT_TRUE(image.ok()) << image.status();
  std::vector<int> reds;
  if (!image.ok()) return reds;
  for (size_t i = 0; i < image->pixels_HWC.size(); i += 3) reds.push_back(image->pixels_HWC[i]);
  return reds;
}

using Values = std::vector<int>;

TEST(GifDecoderTest, GivesTheColoursOfTheScreen) {
  const absl::StatusOr<RgbImage> image = DecodeImage(MakeGif(MakePicture()));
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->height_px, 2);
  EXPECT_EQ(image->width_px, 3);
  EXPECT_THAT(image->pixels_HWC, testing::ElementsAre(10, 20, 30, 40, 50, 60, 70, 80, 90,  //
                                                      100, 110, 120, 70, 80, 90, 40, 50, 60));
}

TEST(GifDecoderTest, ColoursOfThePictureComeFirst) {
  GifPicture picture = MakePicture();
  picture.colours = kOtherColours;
  EXPECT_EQ(Reds(picture), (Values{1, 4, 7, 11, 7, 4}));
}

TEST(GifDecoderTest, TransparencyIsLaidOverWhiteOrDropped) {
  GifPicture picture = MakePicture();
  picture.extensions = TransparentIndex(2);
  EXPECT_EQ(Reds(picture), (Values{10, 40, 255, 100, 255, 40}));
  EXPECT_EQ(Reds(picture, AlphaRule::kDrop), (Values{10, 40, 70, 100, 70, 40}));
}

TEST(GifDecoderTest, AroundASmallPictureIsTheTransparentColourOrTheFirst) {
  GifPicture picture = MakePicture();
  picture.left_px = picture.top_px = 1;
  picture.width_px = 2;
  picture.height_px = 1;
  picture.indices = {3, 2};
  EXPECT_EQ(Reds(picture), (Values{10, 10, 10, 10, 100, 70}));
  picture.extensions = TransparentIndex(1);
  EXPECT_EQ(Reds(picture), (Values{255, 255, 255, 255, 100, 70}));
  EXPECT_EQ(Reds(picture, AlphaRule::kDrop), (Values{40, 40, 40, 40, 100, 70}));
}

TEST(GifDecoderTest, TheScreenGrowsWithAPictureBeyondIt) {
  GifPicture picture = MakePicture();
  picture.screen_height_px = picture.screen_width_px = 1;
  picture.left_px = 1;
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(MakeGif(picture));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->height_px, 2);
  EXPECT_EQ(header->width_px, 4);
  EXPECT_EQ(Reds(picture), (Values{10, 10, 40, 70, 10, 100, 70, 40}));
}

TEST(GifDecoderTest, InterlacedRowsComeToTheirPlaces) {
  GifPicture picture = MakePicture();
  picture.screen_height_px = picture.height_px = 11;
  picture.screen_width_px = picture.width_px = 1;
  picture.screen_colours.clear();
  picture.indices = {0, 8, 4, 2, 6, 10, 1, 3, 5, 7, 9};
  picture.interlaced = true;
  EXPECT_EQ(Reds(picture), (Values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
}

TEST(GifDecoderTest, WithoutColoursPixelsAreGrayAndNeverTransparent) {
  for (const GifColours& colours : {GifColours(), kGrays}) {
    GifPicture picture = MakePicture();
    picture.screen_colours = colours;
    picture.extensions = TransparentIndex(2);
    picture.indices[0] = 77;
    EXPECT_EQ(Reds(picture), (Values{77, 1, 2, 3, 2, 1}));
    picture.left_px = 1;
    EXPECT_EQ(Reds(picture), (Values{2, 77, 1, 2, 2, 3, 2, 1}));
  }
}

TEST(GifDecoderTest, APictureWithGraysOfItsOwnGetsTheColoursOfTheScreen) {
  GifPicture picture = MakePicture();
  picture.colours = kGrays;
  picture.extensions = TransparentIndex(1);
  EXPECT_EQ(Reds(picture), (Values{10, 40, 70, 100, 70, 40}));
}

TEST(GifDecoderTest, IndicesBeyondTheColoursAreBlack) {
  GifPicture picture = MakePicture();
  picture.indices = {4, 3, 255, 200, 0, 1};
  EXPECT_EQ(Reds(picture), (Values{0, 100, 0, 0, 10, 40}));
}

TEST(GifDecoderTest, ExtensionsArePassedOver) {
  GifPicture picture = MakePicture();
  const std::string no_index("!\xF9\x04\0\0\0\x01\0", 8);  // does not take back what an earlier one set
  picture.extensions = std::string("!\xFE\x03xyz\x02zy\0", 10) + TransparentIndex(3) + no_index +
                       std::string("!\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0", 19) + std::string("!\x01\0", 3);
  EXPECT_EQ(Reds(picture), (Values{10, 40, 70, 255, 70, 40}));
}

TEST(GifDecoderTest, OnlyTheFirstPictureIsRead) {
  std::string file = MakeGif(MakePicture());
  file.back() = ',';  // as if another began
  EXPECT_TRUE(DecodeImage(file + "and so on").ok());
}

TEST(GifDecoderTest, RefusesFilesWithoutPicture) {
  GifPicture picture = MakePicture();
  picture.height_px = 0;
  EXPECT_THAT(std::string(DecodeImage(MakeGif(picture)).status().message()), HasSubstr("states a size of 3 x 0 px"));
  const std::string screen = MakeGif(MakePicture()).substr(0, 13 + 12);
  for (const std::string& rest : {std::string(), std::string(";"), std::string("!\xFE\x03xy"), std::string("\0,", 2)}) {
    const absl::Status status = DecodeImage(screen + rest).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("gif header is cut off or damaged"));
  }
}

TEST(GifDecoderTest, RefusesDataThatEndsEarly) {
  GifPicture picture = MakePicture();
  picture.indices.pop_back();
  EXPECT_THAT(std::string(DecodeImage(MakeGif(picture)).status().message()),
              HasSubstr("gif data is cut off or damaged"));
}

TEST(GifDecoderTest, RefusesAHeaderOfAnotherSize) {
  const std::string file = MakeGif(MakePicture());
  EXPECT_THAT(std::string(DecodeGif(file, {ImageFormat::kGif, 3, 3}, AlphaRule::kDrop).status().message()),
              HasSubstr("two sizes"));
}

}  // namespace
}  // namespace vitok
