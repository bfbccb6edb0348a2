#include "core/image/orientation.h"

#include <gtest/gtest.h>

#include "core/image/codec.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

// Where the upright picture takes its pixel (y, x) from, written out from the EXIF definition: where row 0 and column 0
// of the stored picture lie.
RgbImage Upright(const RgbImage& stored, int orientation) {
  const int32_t height = stored.height_px, width = stored.width_px;
  RgbImage upright(orientation < 5 ? height : width, orientation < 5 ? width : height);
  for (int32_t y = 0; y < upright.height_px; ++y) {
    for (int32_t x = 0; x < upright.width_px; ++x) {
      int32_t from_y = y, from_x = x;
      switch (orientation) {
        case 2: from_x = width - 1 - x; break;
        case 3: from_y = height - 1 - y, from_x = width - 1 - x; break;
        case 4: from_y = height - 1 - y; break;
        case 5: from_y = x, from_x = y; break;
        case 6: from_y = height - 1 - x, from_x = y; break;
        case 7: from_y = height - 1 - x, from_x = width - 1 - y; break;
        case 8: from_y = x, from_x = width - 1 - y; break;
        default: break;
      }
      for (int channel = 0; channel < 3; ++channel) {
        upright.pixels_HWC[(int64_t{y} * upright.width_px + x) * 3 + channel] =
            stored.pixels_HWC[(int64_t{from_y} * width + from_x) * 3 + channel];
      }
    }
  }
  return upright;
}

void ExpectDecodesTo(const std::string& file, const RgbImage& expected) {
  const absl::StatusOr<RgbImage> decoded = DecodeImage(file);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(*decoded == expected);
}

class OrientationTest : public testing::TestWithParam<int> {
 protected:
  // Larger than a tile of ApplyOrientation, and no multiple of it.
  const RgbImage stored_ = MakePattern(70, 131);
  const std::string png_ = Encode(stored_, {ImageFormat::kPng});
  const std::string webp_ = Encode(stored_, {ImageFormat::kWebp, 101});
  const std::string jpeg_ = Encode(stored_, {ImageFormat::kJpeg, 90});
};

TEST_P(OrientationTest, TurnsThePicture) {
  EXPECT_TRUE(ApplyOrientation(stored_, GetParam()) == Upright(stored_, GetParam()));
}

TEST_P(OrientationTest, IsReadFromPng) {
  ExpectDecodesTo(WithPngChunk(png_, "eXIf", ExifBlock(GetParam())), Upright(stored_, GetParam()));
}

TEST_P(OrientationTest, IsReadFromWebp) {
  ExpectDecodesTo(WithWebpChunk(webp_, stored_, "EXIF", ExifBlock(GetParam())), Upright(stored_, GetParam()));
}

TEST_P(OrientationTest, IsReadFromJpeg) {
  const absl::StatusOr<RgbImage> as_stored = DecodeImage(jpeg_);
  ASSERT_TRUE(as_stored.ok());
  const std::string exif = std::string("Exif\0\0", 6) + ExifBlock(GetParam());
  ExpectDecodesTo(WithJpegSegment(jpeg_, 0xE1, exif), Upright(*as_stored, GetParam()));
}

TEST_P(OrientationTest, IsReadFromXmp) {
  const absl::StatusOr<RgbImage> as_stored = DecodeImage(jpeg_);
  ASSERT_TRUE(as_stored.ok());
  const std::string digit = std::to_string(GetParam());
  const std::string prefix("http://ns.adobe.com/xap/1.0/\0", 29);
  for (const std::string& xmp :
       {"<rdf tiff:Orientation=\"" + digit + "\"/>", "<tiff:Orientation>" + digit + "</tiff:Orientation>"}) {
    ExpectDecodesTo(WithJpegSegment(jpeg_, 0xE1, prefix + xmp), Upright(*as_stored, GetParam()));
  }
  const std::string text = std::string("XML:com.adobe.xmp\0\0\0\0\0", 22) + "tiff:Orientation=\"" + digit + "\"";
  ExpectDecodesTo(WithPngChunk(png_, "iTXt", text), Upright(stored_, GetParam()));
}

INSTANTIATE_TEST_SUITE_P(All, OrientationTest, testing::Range(1, 9));

TEST(OrientationRulesTest, OtherValuesLeaveThePictureAsStored) {
  const RgbImage image = MakePattern(5, 9);
  const std::string png = Encode(image, {ImageFormat::kPng});
  for (const int orientation : {0, 9, 255}) ExpectDecodesTo(WithPngChunk(png, "eXIf", ExifBlock(orientation)), image);
}

TEST(OrientationRulesTest, ExifGoesBeforeXmp) {
  const RgbImage image = MakePattern(5, 9);
  const std::string xmp = std::string("XML:com.adobe.xmp\0\0\0\0\0", 22) + "tiff:Orientation=\"6\"";
  const std::string png = WithPngChunk(Encode(image, {ImageFormat::kPng}), "iTXt", xmp);
  ExpectDecodesTo(WithPngChunk(png, "eXIf", ExifBlock(3)), Upright(image, 3));
  ExpectDecodesTo(WithPngChunk(png, "eXIf", ExifBlock(0)), image);
}

TEST(OrientationRulesTest, DamagedExifIsIgnored) {
  const RgbImage image = MakePattern(5, 9);
  const std::string png = Encode(image, {ImageFormat::kPng});
  const std::string exif = ExifBlock(6);
  for (size_t size = 0; size < exif.size() - 4; ++size) {
    ExpectDecodesTo(WithPngChunk(png, "eXIf", exif.substr(0, size)), image);
  }
}

}  // namespace
}  // namespace vitok
