#include "core/image/orientation.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "core/image/byte_reader.h"
#include "core/image/jpeg_segments.h"
#include "core/image/tiff_directory.h"

namespace vitok {
namespace {

struct Metadata {
  std::string_view exif;  // a TIFF structure
  std::string_view xmp;
};

constexpr std::string_view kExifPrefix("Exif\0\0", 6);

Metadata JpegMetadata(std::string_view bytes) {
  constexpr uint8_t kApp1 = 0xE1;
  constexpr std::string_view kXmpPrefix("http://ns.adobe.com/xap/1.0/\0", 29);
  Metadata metadata;
  JpegSegmentReader segments(bytes);
  while (const std::optional<JpegSegment> segment = segments.Next()) {
    if (segment->marker != kApp1) continue;
    if (segment->data.substr(0, kExifPrefix.size()) == kExifPrefix && metadata.exif.empty()) {
      metadata.exif = segment->data.substr(kExifPrefix.size());
    } else if (segment->data.substr(0, kXmpPrefix.size()) == kXmpPrefix) {
      metadata.xmp = segment->data.substr(kXmpPrefix.size());
    }
  }
  return metadata;
}

Metadata PngMetadata(std::string_view bytes) {
  // Keyword, its end, "not compressed", compression method; language and translated keyword follow before the text.
  constexpr std::string_view kXmpPrefix("XML:com.adobe.xmp\0\0\0", 20);
  Metadata metadata;
  const ByteReader reader(bytes, ByteReader::Order::kBigEndian);
  for (uint64_t offset = 8;;) {
    const std::optional<uint32_t> length = reader.U32(offset);
    if (!length.has_value()) return metadata;
    const std::optional<std::string_view> type = reader.Slice(offset + 4, 4);
    const std::optional<std::string_view> data = reader.Slice(offset + 8, *length);
    if (!data.has_value()) return metadata;
    if (type == "eXIf") metadata.exif = *data;
    if (type == "iTXt" && data->substr(0, kXmpPrefix.size()) == kXmpPrefix) metadata.xmp = *data;
    offset += uint64_t{12} + *length;
  }
}

Metadata WebpMetadata(std::string_view bytes) {
  Metadata metadata;
  const ByteReader reader(bytes, ByteReader::Order::kLittleEndian);
  for (uint64_t offset = 12;;) {
    const std::optional<uint32_t> length = reader.U32(offset + 4);
    if (!length.has_value()) return metadata;
    const std::optional<std::string_view> type = reader.Slice(offset, 4);
    const std::optional<std::string_view> data = reader.Slice(offset + 8, *length);
    if (!data.has_value()) return metadata;
    if (type == "EXIF") metadata.exif = *data;
    if (type == "XMP ") metadata.xmp = *data;
    offset += 8 + uint64_t{*length} + *length % 2;
  }
}

Metadata ReadMetadata(std::string_view bytes, ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg: return JpegMetadata(bytes);
    case ImageFormat::kPng: return PngMetadata(bytes);
    case ImageFormat::kWebp: return WebpMetadata(bytes);
    case ImageFormat::kBmp:
    case ImageFormat::kTiff:
    case ImageFormat::kGif: return {};
  }
  return {};
}

// The digit of tiff:Orientation="3" or <tiff:Orientation>3; 0 if there is none.
int XmpOrientation(std::string_view xmp) {
  constexpr std::string_view kKey = "tiff:Orientation";
  for (size_t at = xmp.find(kKey); at != std::string_view::npos; at = xmp.find(kKey, at + 1)) {
    std::string_view rest = xmp.substr(at + kKey.size());
    if (rest.substr(0, 2) == "=\"") {
      rest.remove_prefix(2);
    } else if (rest.substr(0, 1) == ">") {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return 0;
}

}  // namespace

int ReadOrientation(std::string_view bytes, ImageFormat format) {
  constexpr uint16_t kOrientationTag = 274;
  Metadata metadata = ReadMetadata(bytes, format);
  if (metadata.exif.substr(0, kExifPrefix.size()) == kExifPrefix) metadata.exif.remove_prefix(kExifPrefix.size());
  uint32_t orientation = XmpOrientation(metadata.xmp);
  if (const auto fields = ReadTiffDirectory(metadata.exif); fields.has_value()) {
    if (const auto found = fields->find(kOrientationTag); found != fields->end()) orientation = found->second;
  }
  return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
}

RgbImage ApplyOrientation(RgbImage image, int orientation) {
  if (orientation == 1) return image;
  constexpr int64_t kChannels = 3;
  const bool transposed = orientation >= 5;
  // In the source's axes: which of them run backwards in the upright picture.
  const bool reverse_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool reverse_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int64_t source_step_x = reverse_x ? -kChannels : kChannels;
  const int64_t source_row = image.width_px * kChannels;
  const int64_t source_step_y = reverse_y ? -source_row : source_row;
  const int64_t first = (reverse_x ? source_row - kChannels : 0) + (reverse_y ? (image.height_px - 1) * source_row : 0);

  RgbImage upright(transposed ? image.width_px : image.height_px, transposed ? image.height_px : image.width_px);
  const int64_t step_x = transposed ? source_step_y : source_step_x;
  const int64_t step_y = transposed ? source_step_x : source_step_y;
  // Tiles keep both pictures' lines in the cache when rows become columns.
  constexpr int32_t kTilePx = 64;
  for (int32_t tile_y = 0; tile_y < upright.height_px; tile_y += kTilePx) {
    for (int32_t tile_x = 0; tile_x < upright.width_px; tile_x += kTilePx) {
      const int32_t end_y = std::min(tile_y + kTilePx, upright.height_px);
      const int32_t end_x = std::min(tile_x + kTilePx, upright.width_px);
      for (int32_t y = tile_y; y < end_y; ++y) {
        uint8_t* out = upright.pixels_HWC.data() + (int64_t{y} * upright.width_px + tile_x) * kChannels;
        const uint8_t* in = image.pixels_HWC.data() + first + y * step_y + tile_x * step_x;
        for (int32_t x = tile_x; x < end_x; ++x, out += kChannels, in += step_x) std::memcpy(out, in, kChannels);
      }
    }
  }
  return upright;
}

}  // namespace vitok
