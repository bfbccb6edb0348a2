#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>

#include "core/base/str_cat.h"
#include "core/image/byte_reader.h"
#include "core/image/codec.h"
#include "core/image/jpeg_segments.h"
#include "core/image/tiff_directory.h"

namespace vitok {
namespace {

using Order = ByteReader::Order;

struct SizePx {
  uint64_t width = 0, height = 0;
};

std::optional<SizePx> JpegSize(std::string_view bytes) {
  // Frame headers are C0..CF without C4 (Huffman tables), C8 (reserved) and CC (arithmetic conditioning).
  JpegSegmentReader segments(bytes);
  while (const std::optional<JpegSegment> segment = segments.Next()) {
    const uint8_t marker = segment->marker;
    if (marker < 0xC0 || marker > 0xCF || marker == 0xC4 || marker == 0xC8 || marker == 0xCC) continue;
    const ByteReader frame(segment->data, Order::kBigEndian);
    const std::optional<uint32_t> height = frame.U16(1), width = frame.U16(3);
    if (!height.has_value() || !width.has_value()) return std::nullopt;
    return SizePx{*width, *height};
  }
  return std::nullopt;
}

std::optional<SizePx> PngSize(std::string_view bytes) {
  const ByteReader reader(bytes, Order::kBigEndian);
  const std::optional<uint32_t> width = reader.U32(16), height = reader.U32(20);
  if (reader.Slice(12, 4) != "IHDR" || !height.has_value()) return std::nullopt;
  return SizePx{*width, *height};
}

std::optional<SizePx> WebpSize(std::string_view bytes) {
  constexpr uint32_t kFourteenBits = 0x3FFF;
  const ByteReader reader(bytes, Order::kLittleEndian);
  const std::optional<std::string_view> kind = reader.Slice(12, 4);
  if (kind == "VP8 ") {  // RFC 6386, 9.1: three bytes of frame tag, three of start code
    const std::optional<uint32_t> width = reader.U16(26), height = reader.U16(28);
    if (reader.Slice(23, 3) != "\x9d\x01\x2a" || !height.has_value()) return std::nullopt;
    return SizePx{*width & kFourteenBits, *height & kFourteenBits};
  }
  if (kind == "VP8L") {
    const std::optional<uint32_t> bits = reader.U32(21);
    if (reader.U8(20) != 0x2F || !bits.has_value()) return std::nullopt;
    return SizePx{(*bits & kFourteenBits) + 1, (*bits >> 14 & kFourteenBits) + 1};
  }
  if (kind == "VP8X") {
    const std::optional<uint32_t> width = reader.U24(24), height = reader.U24(27);
    if (!height.has_value()) return std::nullopt;
    return SizePx{uint64_t{*width} + 1, uint64_t{*height} + 1};
  }
  return std::nullopt;
}

std::optional<SizePx> BmpSize(std::string_view bytes) {
  constexpr uint32_t kCoreHeaderBytes = 12;
  const ByteReader reader(bytes, Order::kLittleEndian);
  const std::optional<uint32_t> header_bytes = reader.U32(14);
  if (header_bytes == kCoreHeaderBytes) {
    const std::optional<uint32_t> width = reader.U16(18), height = reader.U16(20);
    if (!height.has_value()) return std::nullopt;
    return SizePx{*width, *height};
  }
  const std::optional<uint32_t> width = reader.U32(18), height = reader.U32(22);
  if (!height.has_value()) return std::nullopt;
  // Rows stored from the top have a negative height.
  const auto signed_height = static_cast<int64_t>(static_cast<int32_t>(*height));
  return SizePx{*width, static_cast<uint64_t>(std::abs(signed_height))};
}

std::optional<SizePx> TiffSize(std::string_view bytes) {
  constexpr uint16_t kImageWidth = 256, kImageLength = 257;
  const auto fields = ReadTiffDirectory(bytes);
  if (!fields.has_value()) return std::nullopt;
  const auto field = [&](uint16_t tag) -> uint64_t {
    const auto found = fields->find(tag);
    return found == fields->end() ? 0 : found->second;
  };
  return SizePx{field(kImageWidth), field(kImageLength)};
}

// The logical screen, enlarged to hold the first picture, as Pillow does.
std::optional<SizePx> GifSize(std::string_view bytes) {
  constexpr uint32_t kColourTableFlag = 0x80, kColourBits = 0x07, kExtension = 0x21, kPicture = 0x2C;
  constexpr uint64_t kScreenBytes = 13;
  const ByteReader reader(bytes, Order::kLittleEndian);
  const std::optional<uint32_t> flags = reader.U8(10);
  if (!flags.has_value()) return std::nullopt;
  uint64_t at = kScreenBytes;
  if ((*flags & kColourTableFlag) != 0) at += uint64_t{6} << (*flags & kColourBits);
  while (reader.U8(at) == kExtension) {
    at += 2;  // with its label; blocks with their lengths follow up to an empty one
    for (uint32_t length = 1; length != 0; at += 1 + length) {
      const std::optional<uint32_t> next = reader.U8(at);
      if (!next.has_value()) return std::nullopt;
      length = *next;
    }
  }
  const std::optional<uint32_t> left = reader.U16(at + 1), top = reader.U16(at + 3), width = reader.U16(at + 5),
                                height = reader.U16(at + 7);
  if (reader.U8(at) != kPicture || !height.has_value()) return std::nullopt;
  if (*width == 0 || *height == 0) return SizePx{*width, *height};
  return SizePx{std::max(*reader.U16(6), *left + *width), std::max(*reader.U16(8), *top + *height)};
}

std::optional<ImageFormat> DetectFormat(std::string_view bytes) {
  const auto starts_with = [&](std::string_view magic) { return bytes.substr(0, magic.size()) == magic; };
  if (starts_with("\xFF\xD8\xFF")) return ImageFormat::kJpeg;
  if (starts_with("\x89PNG\r\n\x1A\n")) return ImageFormat::kPng;
  if (starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP") return ImageFormat::kWebp;
  if (starts_with("BM")) return ImageFormat::kBmp;
  if (starts_with(std::string_view("II*\0", 4)) || starts_with(std::string_view("MM\0*", 4))) return ImageFormat::kTiff;
  if (starts_with("GIF87a") || starts_with("GIF89a")) return ImageFormat::kGif;
  return std::nullopt;
}

std::optional<SizePx> ReadSize(std::string_view bytes, ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg: return JpegSize(bytes);
    case ImageFormat::kPng: return PngSize(bytes);
    case ImageFormat::kWebp: return WebpSize(bytes);
    case ImageFormat::kBmp: return BmpSize(bytes);
    case ImageFormat::kTiff: return TiffSize(bytes);
    case ImageFormat::kGif: return GifSize(bytes);
  }
  return std::nullopt;
}

}  // namespace

std::string_view ImageFormatName(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg: return "jpeg";
    case ImageFormat::kPng: return "png";
    case ImageFormat::kWebp: return "webp";
    case ImageFormat::kBmp: return "bmp";
    case ImageFormat::kTiff: return "tiff";
    case ImageFormat::kGif: return "gif";
  }
  return "unknown";
}

absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes) {
  if (bytes.empty()) return absl::InvalidArgumentError("image is empty (0 bytes)");
  const std::optional<ImageFormat> format = DetectFormat(bytes);
  if (!format.has_value()) {
    return absl::InvalidArgumentError(
        StrCat("not an image file of a known format (jpeg, png, webp, bmp, tiff, gif); ", bytes.size(), " bytes"));
  }
  const std::optional<SizePx> size = ReadSize(bytes, *format);
  if (!size.has_value()) {
    return absl::InvalidArgumentError(
        StrCat(ImageFormatName(*format), " header is cut off or damaged; the file has ", bytes.size(), " bytes"));
  }
  constexpr uint64_t kMaxSidePx = std::numeric_limits<int32_t>::max();
  if (size->width == 0 || size->height == 0 || size->width > kMaxSidePx || size->height > kMaxSidePx) {
    return absl::InvalidArgumentError(StrCat(ImageFormatName(*format), " header states a size of ", size->width, " x ",
                                             size->height, " px; both sides must be in [1, ", kMaxSidePx, "]"));
  }
  return ImageHeader{*format, static_cast<int32_t>(size->width), static_cast<int32_t>(size->height)};
}

}  // namespace vitok
