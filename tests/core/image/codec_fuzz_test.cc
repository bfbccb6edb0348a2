// Damaged files must be refused or decoded to something, never crash: bytes flipped, cut out and cut off at many fixed
// places. Most telling under AddressSanitizer.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "core/image/codec.h"
#include "core/image/resample.h"
#include "tests/core/image/gif_bytes.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

constexpr DecodeLimits kLimits{.max_pixels = 1 << 20};

void ExpectHarmless(const std::string& file) {
  const absl::StatusOr<RgbImage> image = DecodeImage(file, kLimits);
  if (!image.ok()) {
    EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument) << image.status();
    return;
  }
  EXPECT_EQ(image->pixels_HWC.size(), size_t{3} * image->height_px * image->width_px);
  EXPECT_LE(int64_t{image->height_px} * image->width_px, kLimits.max_pixels);
}

void Damage(const std::string& file) {
  ASSERT_TRUE(DecodeImage(file, kLimits).ok());
  std::mt19937 random(20260101);
  const auto below = [&](size_t end) { return static_cast<size_t>(random() % end); };
  // Every byte of the headers, in which sizes and offsets lie.
  const size_t header_bytes = std::min<size_t>(file.size(), 160);
  for (size_t i = 0; i < header_bytes; ++i) {
    for (const uint8_t value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      std::string damaged = file;
      damaged[i] = static_cast<char>(value);
      ExpectHarmless(damaged);
    }
  }
  for (int round = 0; round < 200; ++round) {
    std::string damaged = file;
    for (size_t flips = 1 + below(4); flips > 0; --flips) damaged[below(file.size())] ^= 1 << below(8);
    ExpectHarmless(damaged);
    ExpectHarmless(file.substr(0, below(file.size())));
    std::string cut = file;
    ExpectHarmless(cut.erase(below(file.size()), 1 + below(64)));
  }
}

RgbImage SmallPhoto() {
  const absl::StatusOr<RgbImage> photo = DecodeImage(ReadPhoto("chelsea.png"));
  EXPECT_TRUE(photo.ok()) << photo.status();
  return Resample(*photo, ResampleFilter::kLanczos, 40, 61);
}

TEST(CodecFuzzTest, SurvivesDamagedJpeg) { Damage(Encode(SmallPhoto(), {ImageFormat::kJpeg, 80})); }

TEST(CodecFuzzTest, SurvivesDamagedJpegWithExif) {
  const std::string jpeg = Encode(SmallPhoto(), {ImageFormat::kJpeg, 80});
  Damage(WithJpegSegment(jpeg, 0xE1, std::string("Exif\0\0", 6) + ExifBlock(6)));
}

TEST(CodecFuzzTest, SurvivesDamagedPng) { Damage(WithPngChunk(Encode(SmallPhoto(), {}), "eXIf", ExifBlock(5))); }

TEST(CodecFuzzTest, SurvivesDamagedLossyWebp) { Damage(Encode(SmallPhoto(), {ImageFormat::kWebp, 80})); }

TEST(CodecFuzzTest, SurvivesDamagedLosslessWebp) {
  const RgbImage photo = SmallPhoto();
  Damage(WithWebpChunk(Encode(photo, {ImageFormat::kWebp, 101}), photo, "EXIF", ExifBlock(8)));
}

TEST(CodecFuzzTest, SurvivesDamagedBmp) { Damage(MakeBmp(SmallPhoto())); }

TEST(CodecFuzzTest, SurvivesDamagedTiff) { Damage(MakeTiff(SmallPhoto())); }

TEST(CodecFuzzTest, SurvivesDamagedGif) { Damage(MakeGrayGif(SmallPhoto())); }

TEST(CodecFuzzTest, SurvivesDamagedRealPhotos) {
  for (const char* name : {"rocket.jpg", "page.png"}) {
    const std::string file = ReadPhoto(name);
    for (size_t i = 0; i < 60; ++i) {
      std::string damaged = file;
      const size_t at = i * file.size() / 60;
      damaged[at] ^= 0x55;
      ExpectHarmless(damaged);
      ExpectHarmless(file.substr(0, at));
    }
  }
}

}  // namespace
}  // namespace vitok
