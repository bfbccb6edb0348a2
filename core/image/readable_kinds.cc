#include "core/image/readable_kinds.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "core/base/str_cat.h"
#include "core/image/byte_reader.h"
#include "core/image/tiff_directory.h"

namespace vitok {
namespace {

absl::Status CheckBmp(std::string_view bytes) {
  constexpr uint32_t kInfoHeaderBytes = 40;
  const ByteReader reader(bytes, ByteReader::Order::kLittleEndian);
  const uint32_t header_bytes = reader.U32(14).value_or(0), bits = reader.U16(28).value_or(0);
  if (header_bytes < kInfoHeaderBytes) {
    return absl::InvalidArgumentError(
        StrCat("bmp header must have at least ", kInfoHeaderBytes, " bytes; was ", header_bytes, " (OS/2)"));
  }
  if (bits == 16) return absl::InvalidArgumentError("bmp files of 16 bits a pixel are not read");
  return absl::OkStatus();
}

// libtiff has many more, some of which take gigabytes or minutes for a small picture, or give other pixels than Pillow.
constexpr uint32_t kTiffCompressions[] = {
    1,                // none
    2,     3,     4,  // CCITT: runs, T.4, T.6
    5,                // LZW
    8,     32946,     // Deflate, also under its old number
    32773,            // PackBits
};

absl::Status CheckTiff(std::string_view bytes, int64_t max_pixels) {
  constexpr uint16_t kImageWidth = 256, kBitsPerSample = 258, kCompression = 259, kPhotometric = 262,
                     kSamplesPerPixel = 277, kRowsPerStrip = 278, kPlanarConfiguration = 284, kTileWidth = 322,
                     kTileLength = 323;
  const auto fields = ReadTiffDirectory(bytes);
  if (!fields.has_value()) return absl::InvalidArgumentError("tiff directory is cut off");
  const auto field = [&](uint16_t tag) -> uint32_t {
    const auto found = fields->find(tag);
    return found == fields->end() ? 0 : found->second;
  };
  if (fields->contains(kCompression) && !std::ranges::count(kTiffCompressions, field(kCompression))) {
    return absl::InvalidArgumentError(StrCat("tiff files of compression ", field(kCompression),
                                             " are not read; must be none, CCITT, LZW, Deflate or PackBits"));
  }
  if (field(kSamplesPerPixel) == 2) {
    return absl::InvalidArgumentError("tiff files of grey with alpha (2 samples a pixel) are not read");
  }
  constexpr uint32_t kRgb = 2, kRgbSamples = 3;
  if (field(kPhotometric) == kRgb && field(kSamplesPerPixel) < kRgbSamples) {
    return absl::InvalidArgumentError(StrCat("tiff files of colours must have at least ", kRgbSamples,
                                             " samples a pixel; had ", field(kSamplesPerPixel)));
  }
  constexpr uint32_t kSeparatePlanes = 2;
  if (field(kPlanarConfiguration) == kSeparatePlanes && field(kSamplesPerPixel) > 1) {
    return absl::InvalidArgumentError("tiff files with a plane for each sample are not read");
  }
  constexpr uint32_t kMaxSamples = 4, kMaxBits = 16;
  if (field(kSamplesPerPixel) > kMaxSamples || field(kBitsPerSample) > kMaxBits) {
    return absl::InvalidArgumentError(StrCat("tiff files must have at most ", kMaxSamples, " samples a pixel of ",
                                             kMaxBits, " bits; had ", field(kSamplesPerPixel), " of ",
                                             field(kBitsPerSample)));
  }
  // A tile or strip is held in memory as a whole, whatever the size of the picture. Rows beyond 31 bits mean one strip.
  const bool tiled = field(kTileWidth) > 0;
  const int64_t width = tiled ? field(kTileWidth) : field(kImageWidth);
  const int64_t height = tiled ? field(kTileLength) : std::max(static_cast<int32_t>(field(kRowsPerStrip)), 0);
  const int64_t allowed = MaxTiffBlockPixels(max_pixels);
  if (width > 0 && height > allowed / width) {
    return absl::InvalidArgumentError(StrCat("tiff ", tiled ? "tiles" : "strips", " must have at most ", allowed,
                                             " pixels; were ", width, " x ", height, " px"));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t MaxTiffBlockPixels(int64_t max_pixels) {
  constexpr int64_t kAlwaysAllowedPixels = 1 << 20;
  return std::max(max_pixels, kAlwaysAllowedPixels);
}

absl::Status CheckReadable(std::string_view bytes, ImageFormat format, int64_t max_pixels) {
  constexpr size_t kMaxBytes = std::numeric_limits<int32_t>::max();  // OpenCV takes a file as a matrix
  if ((format == ImageFormat::kBmp || format == ImageFormat::kTiff) && bytes.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        StrCat(ImageFormatName(format), " files must have at most ", kMaxBytes, " bytes; was ", bytes.size()));
  }
  switch (format) {
    case ImageFormat::kBmp: return CheckBmp(bytes);
    case ImageFormat::kTiff: return CheckTiff(bytes, max_pixels);
    case ImageFormat::kJpeg:
    case ImageFormat::kPng:
    case ImageFormat::kWebp:
    case ImageFormat::kGif: break;
  }
  return absl::OkStatus();
}

}  // namespace vitok
