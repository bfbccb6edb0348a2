#include "core/image/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <zlib.h>
#include <iostream>

#include <cstdlib>

#include "tests/core/image/gif_bytes.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr ImageFormat kFormats[] = {ImageFormat::kJpeg, ImageFormat::kPng,  ImageFormat::kWebp,
                                    ImageFormat::kBmp,  ImageFormat::kTiff, ImageFormat::kGif};

// `image` as a file of that format; JPEG at its best quality, GIF its red as grey, the
// others without loss.
std::string MakeFile(ImageFormat format, const RgbImage& image) {
  switch (format) {
    case ImageFormat::kJpeg: return Encode(image, {format, 100});
    case ImageFormat::kPng: return Encode(image, {format});
    case ImageFormat::kWebp: return Encode(image, {format, 101});
    case ImageFormat::kBmp: return MakeBmp(image);
    case ImageFormat::kTiff: return MakeTiff(image);
    case ImageFormat::kGif: return MakeGrayGif(image);
  }
  return "";
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

double MeanDifference(const RgbImage& a, const RgbImage& b) {
  EXPECT_EQ(a.pixels_HWC.size(), b.pixels_HWC.size());
  double sum = 0;
  for (size_t i = 0; i < a.pixels_HWC.size(); ++i) sum += std::abs(a.pixels_HWC[i] - b.pixels_HWC[i]);
  return sum / static_cast<double>(a.pixels_HWC.size());
}

TEST(CodecTest, LosslessFormatsGiveTheSamePixels) {
  for (const auto& [height_px, width_px] : {std::pair(1, 1), {1, 50}, {37, 1}, {41, 67}}) {
    const RgbImage image = MakePattern(height_px, width_px);
    for (const ImageFormat format : {ImageFormat::kPng, ImageFormat::kWebp, ImageFormat::kBmp, ImageFormat::kTiff}) {
      SCOPED_TRACE(std::string(ImageFormatName(format)));
      const absl::StatusOr<RgbImage> decoded = DecodeImage(MakeFile(format, image));
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(*decoded, image);
    }
  }
}

TEST(CodecTest, LossyFormatsGiveSimilarPixelsByQuality) {
  const absl::StatusOr<RgbImage> photo = DecodeImage(ReadPhoto("chelsea.png"));
  ASSERT_TRUE(photo.ok()) << photo.status();
  for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kWebp}) {
    SCOPED_TRACE(std::string(ImageFormatName(format)));
    const std::string good = Encode(*photo, {format, 95}), poor = Encode(*photo, {format, 10});
    EXPECT_GT(good.size(), 2 * poor.size());
    const absl::StatusOr<RgbImage> good_photo = DecodeImage(good), poor_photo = DecodeImage(poor);
    ASSERT_TRUE(good_photo.ok() && poor_photo.ok());
    EXPECT_LT(MeanDifference(*photo, *good_photo), 3.0);
    EXPECT_LT(MeanDifference(*photo, *good_photo), MeanDifference(*photo, *poor_photo));
  }
}

TEST(CodecTest, HeaderStatesFormatAndSize) {
  for (const ImageFormat format : kFormats) {
    SCOPED_TRACE(std::string(ImageFormatName(format)));
    const absl::StatusOr<ImageHeader> header = ReadImageHeader(MakeFile(format, MakePattern(21, 34)));
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->format, format);
    EXPECT_EQ(header->height_px, 21);
    EXPECT_EQ(header->width_px, 34);
  }
  const absl::StatusOr<ImageHeader> lossy = ReadImageHeader(Encode(MakePattern(21, 34), {ImageFormat::kWebp, 80}));
  ASSERT_TRUE(lossy.ok()) << lossy.status();
  EXPECT_EQ(lossy->height_px, 21);
  EXPECT_EQ(lossy->width_px, 34);
}

TEST(CodecTest, ReadsBmpStoredFromTheTop) {
  const RgbImage image = MakePattern(5, 4);  // rows of 12 bytes need no padding
  std::string file = HeaderOnly(ImageFormat::kBmp, static_cast<uint32_t>(-5), 4);
  for (size_t i = 0; i < image.pixels_HWC.size(); i += 3) {
    for (int channel = 2; channel >= 0; --channel) file += static_cast<char>(image.pixels_HWC[i + channel]);
  }
  const absl::StatusOr<RgbImage> decoded = DecodeImage(file);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, image);
}

TEST(CodecTest, RefusesEmptyInput) {
  EXPECT_THAT(Message(DecodeImage("").status()), HasSubstr("image is empty (0 bytes)"));
}

TEST(CodecTest, RefusesWhatIsNoImageAndNamesTheFormats) {
  for (const std::string bytes : {"x", "hello, world", "GIF88a\x01\x01", "%PDF-1.7"}) {
    const absl::Status status = DecodeImage(bytes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), AllOf(HasSubstr("not an image"), HasSubstr("jpeg, png, webp, bmp, tiff, gif")));
  }
}

TEST(CodecTest, RefusesEveryPrefixOfAFile) {
  const RgbImage image = MakePattern(24, 33);
  for (const ImageFormat format : kFormats) {
    SCOPED_TRACE(std::string(ImageFormatName(format)));
    const std::string file = MakeFile(format, image);
    for (size_t size = 0; size + 1 < file.size(); ++size) {
      const absl::Status status = DecodeImage(std::string_view(file).substr(0, size)).status();
      // The last bytes of a BMP or TIFF row may be padding, that of a WebP chunk too.
      if (status.ok() && size + 4 >= file.size() && format != ImageFormat::kJpeg && format != ImageFormat::kPng)
        continue;
      ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << size << " of " << file.size() << " bytes";
    }
  }
}

// A client that sends broken pictures must not fill the server's log.
TEST(CodecTest, RefusesWithoutAWordOnStandardError) {
  testing::internal::CaptureStderr();
  const RgbImage image = MakePattern(24, 33);
  for (const ImageFormat format : kFormats) {
    const std::string file = MakeFile(format, image);
    for (size_t size = file.size() / 4; size + 4 < file.size(); size += 5) {
      EXPECT_FALSE(DecodeImage(std::string_view(file).substr(0, size)).ok());
    }
  }
  std::cerr << "still heard";
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "still heard");
}

TEST(CodecTest, RefusesCutOffPhotos) {
  for (const char* name : {"rocket.jpg", "chelsea.png", "page.png"}) {
    const std::string file = ReadPhoto(name);
    ASSERT_TRUE(DecodeImage(file).ok()) << name;
    for (const double part : {0.1, 0.5, 0.9, 0.99}) {
      const auto size = static_cast<size_t>(static_cast<double>(file.size()) * part);
      EXPECT_EQ(DecodeImage(file.substr(0, size)).status().code(), absl::StatusCode::kInvalidArgument)
          << name << " cut to " << part;
    }
    // Without its end marker.
    EXPECT_FALSE(DecodeImage(file.substr(0, file.size() - 2)).ok()) << name;
  }
}

TEST(CodecTest, RefusesJpegWithAMissingMiddle) {
  const std::string file = ReadPhoto("rocket.jpg");
  const std::string cut = file.substr(0, file.size() / 2) + "\xFF\xD9";
  const absl::Status status = DecodeImage(cut).status();
  EXPECT_THAT(Message(status), HasSubstr("jpeg data is cut off or damaged"));
}

TEST(CodecTest, F3_RefusesBombsByTheirHeaderAndNamesBothNumbers) {
  for (const ImageFormat format :
       {ImageFormat::kJpeg, ImageFormat::kPng, ImageFormat::kBmp, ImageFormat::kTiff, ImageFormat::kGif}) {
    SCOPED_TRACE(std::string(ImageFormatName(format)));
    const absl::Status status = DecodeImage(HeaderOnly(format, 64250, 64250)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(Message(status), AllOf(HasSubstr("64250 x 64250"), HasSubstr("4128062500"), HasSubstr("67108864")));
  }
  // The largest sides that WebP can state.
  EXPECT_THAT(Message(DecodeImage(HeaderOnly(ImageFormat::kWebp, 1 << 24, 1 << 24)).status()),
              AllOf(HasSubstr("281474976710656"), HasSubstr("67108864")));
}

TEST(CodecTest, LimitCountsPixels) {
  const std::string file = MakeFile(ImageFormat::kPng, MakePattern(10, 20));
  EXPECT_TRUE(DecodeImage(file, {.max_pixels = 200}).ok());
  EXPECT_THAT(Message(DecodeImage(file, {.max_pixels = 199}).status()), AllOf(HasSubstr("200"), HasSubstr("199")));
}

TEST(CodecTest, RefusesHeadersWithoutASize) {
  for (const ImageFormat format :
       {ImageFormat::kJpeg, ImageFormat::kPng, ImageFormat::kBmp, ImageFormat::kTiff, ImageFormat::kGif}) {
    SCOPED_TRACE(std::string(ImageFormatName(format)));
    for (const auto& [height_px, width_px] : {std::pair(0, 0), {0, 7}, {7, 0}}) {
      const absl::Status status = ReadImageHeader(HeaderOnly(format, height_px, width_px)).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(Message(status), HasSubstr("size of"));
    }
  }
}

TEST(CodecTest, RefusesKindsItWouldReadWrongly) {
  std::string animation = HeaderOnly(ImageFormat::kWebp, 8, 8);
  animation[20] = 2;
  EXPECT_THAT(Message(DecodeImage(animation).status()), HasSubstr("animation"));
  std::string bmp = MakeBmp(MakePattern(8, 8));
  bmp[28] = 16;
  EXPECT_THAT(Message(DecodeImage(bmp).status()), HasSubstr("16 bits"));
  std::string tiff = MakeTiff(MakePattern(8, 8));
  tiff[8 + 2 + 6 * 12 + 8] = 2;  // samples per pixel
  EXPECT_THAT(Message(DecodeImage(tiff).status()), HasSubstr("grey with alpha"));
}

// Where the value of a directory entry of MakeTiff lies; its type lies 6 bytes before.
size_t TiffValue(int entry) { return 8 + 2 + 12 * entry + 8; }

TEST(CodecTest, RefusesTiffThatStatesTwoWidths) {
  // libtiff takes the first, of a rare type; the second stands for the compression.
  std::string tiff = MakeTiff(MakePattern(4, 60));
  constexpr char kSignedLong = 9;
  tiff.replace(TiffValue(3) - 8, 12, tiff.substr(TiffValue(0) - 8, 12));
  tiff[TiffValue(3)] = 4;
  tiff[TiffValue(0) - 6] = kSignedLong;
  EXPECT_THAT(Message(DecodeImage(tiff, {.max_pixels = 16}).status()), HasSubstr("60 x 4 px"));
}

TEST(CodecTest, ReadsTiffFieldsOfAllTypesThatLibtiffReads) {
  constexpr char kSignedShort = 8, kSignedLong = 9;
  constexpr uint8_t kLzma[] = {0x6D, 0x88};
  std::string tiff = MakeTiff(MakePattern(4, 60));
  tiff[TiffValue(3) - 6] = kSignedShort;
  EXPECT_TRUE(DecodeImage(tiff).ok());
  tiff.replace(TiffValue(3), 2, std::string(std::begin(kLzma), std::end(kLzma)));
  EXPECT_THAT(Message(DecodeImage(tiff).status()), HasSubstr("compression 34925"));
  tiff = MakeTiff(MakePattern(4, 60));
  tiff[TiffValue(7) - 6] = kSignedLong;
  tiff.replace(TiffValue(7), 4, LittleEndian(1 << 26, 4));
  EXPECT_THAT(Message(DecodeImage(tiff).status()), HasSubstr("strips must have at most"));
}

TEST(CodecTest, ReadsTiffFieldsOfEightBytes) {
  constexpr int kLong8 = 16;
  std::string tiff = MakeTiff(MakePattern(4, 60));
  const std::string where = LittleEndian(tiff.size(), 4);
  tiff[TiffValue(0) - 6] = kLong8;
  tiff.replace(TiffValue(0), 4, where);
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(tiff + LittleEndian(60, 8));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->width_px, 60);
  EXPECT_THAT(Message(ReadImageHeader(tiff + LittleEndian(uint64_t{1} << 40, 8)).status()),
              HasSubstr("size of 4294967295 x 4"));
}

TEST(CodecTest, RefusesTiffPartsThatTakeMoreMemoryThanAPicture) {
  std::string tiff = MakeTiff(MakePattern(8, 16));
  tiff.replace(TiffValue(7), 4, LittleEndian(1 << 20, 4));
  EXPECT_TRUE(DecodeImage(tiff).ok());
  EXPECT_THAT(Message(DecodeImage(tiff, {.max_pixels = 1 << 10}).status()),
              AllOf(HasSubstr("strips"), HasSubstr("1048576"), HasSubstr("16 x 1048576 px")));
  tiff = MakeTiff(MakePattern(8, 16));
  tiff[TiffValue(2)] = 64;
  EXPECT_THAT(Message(DecodeImage(tiff).status()), HasSubstr("had 3 of 64"));
}

TEST(CodecTest, RefusesTiffOfSeparatePlanes) {
  std::string tiff = MakeTiff(MakePattern(8, 16));
  // In place of the compression, which is none without.
  constexpr uint16_t kPlanarConfiguration = 284, kSeparate = 2;
  tiff.replace(TiffValue(3) - 8, 2, LittleEndian(kPlanarConfiguration, 2));
  EXPECT_TRUE(DecodeImage(tiff).ok());
  tiff.replace(TiffValue(3), 2, LittleEndian(kSeparate, 2));
  EXPECT_THAT(Message(DecodeImage(tiff).status()), HasSubstr("a plane for each sample"));
}

TEST(CodecTest, RefusesTiffColoursOfOneSample) {
  std::string tiff = MakeTiff(MakePattern(8, 16));
  tiff[TiffValue(6)] = 1;
  EXPECT_THAT(Message(DecodeImage(tiff).status()), HasSubstr("at least 3 samples a pixel; had 1"));
}

TEST(CodecTest, GivesWebpToNoOtherDecoder) {
  // What OpenCV's readers of DTED and DICOM look for.
  for (const auto& [offset, magic] : {std::pair(140, "DTED"), {128, "DICM"}}) {
    std::string file = HeaderOnly(ImageFormat::kWebp, 4, 4) + std::string(200, '\0');
    file.replace(offset, 4, magic);
    EXPECT_THAT(Message(DecodeImage(file).status()), HasSubstr("webp data is cut off or damaged")) << magic;
  }
}

TEST(CodecTest, DoesNotUnpackTheTextOfPng) {
  const std::string text(7'000'000, 'a');
  uLongf compressed_bytes = compressBound(text.size());
  std::string compressed(compressed_bytes, '\0');
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(compressed.data()), &compressed_bytes,
                     reinterpret_cast<const Bytef*>(text.data()), text.size()),
            Z_OK);
  compressed.resize(compressed_bytes);
  std::string file = Encode(MakePattern(4, 4), {});
  for (int i = 0; i < 40; ++i) file = WithPngChunk(file, "zTXt", std::string("k\0\0", 3) + compressed);
  const auto peak_kib = [] {
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before_kib = peak_kib();
  EXPECT_TRUE(DecodeImage(file).ok());
  EXPECT_LT(peak_kib() - before_kib, 100 * 1024);
}

TEST(CodecTest, EncodeRefusesQualityOutOfRange) {
  const RgbImage image = MakePattern(8, 8);
  for (const int quality : {-1, 0, 101}) {
    EXPECT_THAT(Message(EncodeImage(image, {ImageFormat::kJpeg, quality}).status()),
                AllOf(HasSubstr("jpeg quality"), HasSubstr("[1, 100]"), HasSubstr(std::to_string(quality))));
  }
  EXPECT_THAT(Message(EncodeImage(image, {ImageFormat::kWebp, 102}).status()), HasSubstr("[1, 101]; was 102"));
  EXPECT_TRUE(EncodeImage(image, {ImageFormat::kPng, 0}).ok());
}

TEST(CodecTest, EncodeRefusesFormatsItDoesNotWrite) {
  for (const ImageFormat format : {ImageFormat::kBmp, ImageFormat::kTiff, ImageFormat::kGif}) {
    EXPECT_EQ(EncodeImage(MakePattern(8, 8), {format}).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(CodecTest, EncodeRefusesImagesItCannotWrite) {
  EXPECT_THAT(Message(EncodeImage(RgbImage(), {}).status()), HasSubstr("0 x 0"));
  RgbImage too_few = MakePattern(8, 8);
  too_few.pixels_HWC.pop_back();
  EXPECT_FALSE(EncodeImage(too_few, {}).ok());
  EXPECT_FALSE(EncodeImage(RgbImage(1, 20000), {ImageFormat::kWebp}).ok()) << "WebP has at most 16383 px a side";
}

}  // namespace
}  // namespace vitok
