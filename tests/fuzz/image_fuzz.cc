// Picture files (core/image/codec.h). Promises: a decoded picture has the size that its header states, turned at most,
// and no more pixels than allowed; its pixels come from the file alone, never from memory that the decoder found; it
// survives a lossless file; a refusal is INVALID_ARGUMENT with a reason. Memory is bounded by scripts/fuzz.sh.
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/image/resample.h"
#include "tests/core/image/gif_bytes.h"
#include "tests/core/image/image_bytes.h"
#include "tests/fuzz/fresh_memory.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/png_checksums.h"

namespace vitok {
namespace {

constexpr DecodeLimits kLimits{.max_pixels = 1 << 16};

absl::StatusOr<RgbImage> DecodeOver(uint8_t value, std::string_view input) {
  const FreshMemory memory(value);
  return DecodeImage(input, kLimits);
}

void CheckLosslessFile(const RgbImage& image) {
  constexpr size_t kMaxBytes = 3 * 1024;  // compression costs more than decoding
  if (image.pixels_HWC.size() > kMaxBytes) return;
  const absl::StatusOr<std::string> file = EncodeImage(image, {.format = ImageFormat::kPng});
  RequireOk(file.status(), "a picture can be written as png");
  const absl::StatusOr<RgbImage> again = DecodeImage(*file, kLimits);
  RequireOk(again.status(), "what is written can be read");
  Require(*again == image, "png keeps every pixel");
}

void Run(std::string_view input) {
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(input);
  const absl::StatusOr<RgbImage> image = DecodeOver(0x00, input);
  if (!header.ok()) {
    RequireRefusal(header.status());
    Require(image.status() == header.status(), "a picture without header is refused for it");
    return;
  }
  Require(header->width_px > 0 && header->height_px > 0, "a header states a size");
  if (!image.ok()) {
    RequireRefusal(image.status());
    return;
  }
  const bool as_stored = image->width_px == header->width_px && image->height_px == header->height_px;
  const bool turned = image->width_px == header->height_px && image->height_px == header->width_px;
  Require(as_stored || turned, StrCat("a picture has the size of its header, ", header->width_px, " x ",
                                      header->height_px, "; was ", image->width_px, " x ", image->height_px));
  Require(int64_t{image->width_px} * image->height_px <= kLimits.max_pixels, "a picture is within its limit");
  Require(image->pixels_HWC.size() == size_t{3} * image->width_px * image->height_px, "a picture has all its pixels");
  const absl::StatusOr<RgbImage> again = DecodeOver(0xFF, input);
  Require(again.ok() && *again == *image, "pixels come from the file alone");
  CheckLosslessFile(*image);
}

std::string EncodeWithOpenCv(const std::string& suffix, const cv::Mat& mat, const std::vector<int>& parameters = {}) {
  std::vector<uint8_t> file;
  cv::imencode(suffix, mat, file, parameters);
  return {file.begin(), file.end()};
}

// The forms of TIFF and BMP that OpenCV writes.
void AddOpenCvFiles(std::vector<std::string>& seeds) {
  constexpr int kUncompressed = 1, kLzw = 5, kDeflate = 8, kPackBits = 32773;
  for (const int type : {CV_8UC1, CV_8UC3, CV_8UC4, CV_16UC1, CV_16UC3, CV_16UC4, CV_32FC3}) {
    cv::Mat mat(7, 9, type);
    cv::randu(mat, 0, 256);
    for (const int compression : {kUncompressed, kLzw, kDeflate, kPackBits}) {
      seeds.push_back(EncodeWithOpenCv(".tiff", mat, {cv::IMWRITE_TIFF_COMPRESSION, compression}));
    }
    if (mat.depth() == CV_8U) seeds.push_back(EncodeWithOpenCv(".bmp", mat));
  }
}

// An uncompressed TIFF of 16 x 4 px with more data than it needs.
std::string MakeRareTiff(uint32_t photometric, uint32_t samples, uint32_t bits, uint32_t planar_configuration) {
  constexpr uint32_t kWidth = 16, kHeight = 4, kDataBytes = 1024;
  const std::vector<std::pair<uint16_t, uint32_t>> fields = {
      {256, kWidth}, {257, kHeight}, {258, bits},    {259, 1},          {262, photometric},
      {273, 0},      {277, samples}, {278, kHeight}, {279, kDataBytes}, {284, planar_configuration}};
  constexpr uint16_t kStripOffset = 273, kLong = 4;
  const size_t data_offset = 8 + 2 + 12 * fields.size() + 4;
  std::string file = std::string("II*\0", 4) + LittleEndian(8, 4) + LittleEndian(fields.size(), 2);
  for (const auto& [tag, value] : fields) {
    file += LittleEndian(tag, 2) + LittleEndian(kLong, 2) + LittleEndian(1, 4) +
            LittleEndian(tag == kStripOffset ? data_offset : value, 4);
  }
  file += LittleEndian(0, 4);
  for (uint32_t i = 0; i < kDataBytes; ++i) file += static_cast<char>(i * 37);
  return file;
}

// OpenCV and libtiff are not instrumented: mutation does not see that a combination of fields leads somewhere new.
void AddRareTiffFiles(std::vector<std::string>& seeds) {
  for (const uint32_t photometric : {0, 1, 2, 3, 5, 6, 8}) {
    for (const uint32_t samples : {1, 3, 4}) {
      for (const uint32_t bits : {1, 4, 8, 10, 12, 16}) {
        for (const uint32_t planar_configuration : {1, 2}) {
          seeds.push_back(MakeRareTiff(photometric, samples, bits, planar_configuration));
        }
      }
    }
  }
}

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const std::string& path : FilesOf("tests/golden/data/pp/images")) {
    constexpr size_t kMaxSeedBytes = 12'000;  // larger files only slow mutation down
    std::string file = ReadFuzzFile(path);
    if (file.size() <= kMaxSeedBytes) seeds.push_back(std::move(file));
  }
  const RgbImage photo =
      Resample(*DecodeImage(ReadPhoto("chelsea.png")), ResampleFilter::kLanczos, /*out_height_px=*/13, 21);
  const std::string jpeg = Encode(photo, {ImageFormat::kJpeg, 80});
  const std::string xmp = "<x:xmpmeta tiff:Orientation=\"6\"/>";
  seeds.push_back(WithJpegSegment(jpeg, 0xE1, std::string("Exif\0\0", 6) + ExifBlock(6)));
  seeds.push_back(WithJpegSegment(jpeg, 0xE1, std::string("http://ns.adobe.com/xap/1.0/\0", 29) + xmp));
  seeds.push_back(WithPngChunk(Encode(photo, {}), "eXIf", ExifBlock(5)));
  seeds.push_back(WithPngChunk(Encode(photo, {}), "iTXt", std::string("XML:com.adobe.xmp\0\0\0\0\0", 22) + xmp));
  seeds.push_back(Encode(photo, {ImageFormat::kWebp, 80}));
  const std::string lossless_webp = Encode(photo, {ImageFormat::kWebp, 101});
  seeds.push_back(lossless_webp);
  seeds.push_back(WithWebpChunk(lossless_webp, photo, "EXIF", ExifBlock(8)));
  seeds.push_back(WithWebpChunk(lossless_webp, photo, "XMP ", xmp));
  seeds.push_back(MakeBmp(photo));
  seeds.push_back(MakeTiff(photo));
  seeds.push_back(MakeGrayGif(photo));
  seeds.push_back(MakeGif({.screen_height_px = 9,
                           .screen_width_px = 4,
                           .top_px = 1,
                           .height_px = 9,
                           .width_px = 2,
                           .indices = std::vector<uint8_t>(18, 3),
                           .colours = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {100, 110, 120}},
                           .interlaced = true,
                           .extensions = TransparentIndex(2)}));
  for (const ImageFormat format : {ImageFormat::kJpeg, ImageFormat::kPng, ImageFormat::kWebp, ImageFormat::kBmp,
                                   ImageFormat::kTiff, ImageFormat::kGif}) {
    seeds.push_back(HeaderOnly(format, 5, 4));
  }
  AddOpenCvFiles(seeds);
  AddRareTiffFiles(seeds);
  return seeds;
}

const bool registered =
    RegisterFuzzTarget({.name = "image", .run = &Run, .seeds = &Seeds, .repair = &MendPngChecksums});

}  // namespace
}  // namespace vitok
