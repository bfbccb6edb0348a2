#include "tests/core/image/image_bytes.h"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace vitok {
namespace {

constexpr size_t kRiffHeaderBytes = 12;  // "RIFF", size, "WEBP"

std::string PngChunk(const std::string& type, const std::string& payload) {
  return BigEndian(payload.size(), 4) + type + payload + BigEndian(PngChecksum(type + payload), 4);
}

}  // namespace

std::string ReadPhoto(const std::string& name) {
  std::ifstream file("photos/" + name, std::ios::binary);
  if (!file) throw std::runtime_error("no photos/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

RgbImage MakePattern(int32_t height_px, int32_t width_px) {
  RgbImage image(height_px, width_px);
  for (size_t i = 0; i < image.pixels_HWC.size(); ++i) {
    const size_t pixel = i / 3, x = pixel % width_px, y = pixel / width_px;
    image.pixels_HWC[i] = static_cast<uint8_t>(x * 7 + y * 31 + (i % 3) * 90 + x * y);
  }
  return image;
}

std::string Encode(const RgbImage& image, const EncodeOptions& options) {
  absl::StatusOr<std::string> file = EncodeImage(image, options);
  if (!file.ok()) throw std::runtime_error(std::string(file.status().message()));
  return *std::move(file);
}

int64_t MaxDecodeBytes(const DecodeLimits& limits) {
  constexpr int64_t kBytesAPixel = 32, kMoreBytes = int64_t{32} << 20;
  return kBytesAPixel * limits.max_pixels + kMoreBytes;
}

std::string LittleEndian(uint64_t value, int num_bytes) {
  std::string bytes;
  for (int i = 0; i < num_bytes; ++i) bytes += static_cast<char>(value >> 8 * i);
  return bytes;
}

std::string BigEndian(uint64_t value, int num_bytes) {
  const std::string bytes = LittleEndian(value, num_bytes);
  return {bytes.rbegin(), bytes.rend()};
}

std::string TiffEntry(uint16_t tag, uint16_t type, uint32_t value) {
  return LittleEndian(tag, 2) + LittleEndian(type, 2) + LittleEndian(1, 4) + LittleEndian(value, 4);
}

uint32_t PngChecksum(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

std::string MakeBmp(const RgbImage& image) {
  const std::string header = HeaderOnly(ImageFormat::kBmp, image.height_px, image.width_px);
  std::string rows;
  for (int32_t y = image.height_px - 1; y >= 0; --y) {
    for (int32_t x = 0; x < image.width_px; ++x) {
      const uint8_t* pixel = &image.pixels_HWC[(int64_t{y} * image.width_px + x) * 3];
      for (int channel = 2; channel >= 0; --channel) rows += static_cast<char>(pixel[channel]);
    }
    while (rows.size() % 4 != 0) rows += '\0';
  }
  return header + rows;
}

std::string MakeTiff(const RgbImage& image) {
  return HeaderOnly(ImageFormat::kTiff, image.height_px, image.width_px) +
         std::string(image.pixels_HWC.begin(), image.pixels_HWC.end());
}

std::string HeaderOnly(ImageFormat format, uint32_t height_px, uint32_t width_px) {
  using std::string_literals::operator""s;
  switch (format) {
    case ImageFormat::kJpeg:  // start, baseline frame of three components
      return "\xFF\xD8\xFF\xC0"s + BigEndian(17, 2) + "\x08"s + BigEndian(height_px, 2) + BigEndian(width_px, 2) +
             "\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00"s;
    case ImageFormat::kPng:  // 8-bit RGB
      return "\x89PNG\r\n\x1A\n"s +
             PngChunk("IHDR", BigEndian(width_px, 4) + BigEndian(height_px, 4) + "\x08\x02\x00\x00\x00"s);
    case ImageFormat::kWebp:  // extended header
      return "RIFF"s + LittleEndian(22, 4) + "WEBPVP8X"s + LittleEndian(10, 4) + std::string(4, '\0') +
             LittleEndian(width_px - 1, 3) + LittleEndian(height_px - 1, 3);
    case ImageFormat::kBmp: {
      constexpr int kHeaderBytes = 54;
      return "BM"s + LittleEndian(0, 4) + LittleEndian(0, 4) + LittleEndian(kHeaderBytes, 4) + LittleEndian(40, 4) +
             LittleEndian(width_px, 4) + LittleEndian(height_px, 4) + LittleEndian(1, 2) + LittleEndian(24, 2) +
             std::string(24, '\0');
    }
    case ImageFormat::kTiff: {  // one uncompressed strip behind the directory
      constexpr int kEntries = 9, kShort = 3, kLong = 4;
      constexpr uint32_t kDataOffset = 8 + 2 + kEntries * 12 + 4;
      return "II*\0"s + LittleEndian(8, 4) + LittleEndian(kEntries, 2) + TiffEntry(256, kLong, width_px) +
             TiffEntry(257, kLong, height_px) + TiffEntry(258, kShort, 8) + TiffEntry(259, kShort, 1) +
             TiffEntry(262, kShort, 2) + TiffEntry(273, kLong, kDataOffset) + TiffEntry(277, kShort, 3) +
             TiffEntry(278, kLong, height_px) + TiffEntry(279, kLong, height_px * width_px * 3) + LittleEndian(0, 4);
    }
    case ImageFormat::kGif: {  // a picture as large as the screen
      const std::string size = LittleEndian(width_px, 2) + LittleEndian(height_px, 2);
      return "GIF89a" + size + std::string(3, '\0') + "," + std::string(4, '\0') + size + '\0';
    }
  }
  throw std::runtime_error("unknown format");
}

std::string ExifBlock(int orientation) {
  constexpr int kOrientationTag = 274, kShort = 3;
  return std::string("II*\0", 4) + LittleEndian(8, 4) + LittleEndian(1, 2) +
         TiffEntry(kOrientationTag, kShort, orientation) + LittleEndian(0, 4);
}

std::string WithJpegSegment(const std::string& file, uint8_t marker, const std::string& payload) {
  const std::string segment =
      std::string{'\xFF', static_cast<char>(marker)} + BigEndian(payload.size() + 2, 2) + payload;
  return file.substr(0, 2) + segment + file.substr(2);
}

std::string WithPngChunk(const std::string& file, const std::string& type, const std::string& payload) {
  constexpr size_t kSignatureAndIhdrBytes = 33;
  return file.substr(0, kSignatureAndIhdrBytes) + PngChunk(type, payload) + file.substr(kSignatureAndIhdrBytes);
}

std::string WithWebpChunk(const std::string& file, const RgbImage& image, const std::string& type,
                          const std::string& payload) {
  constexpr char kExifFlag = 0x08, kXmpFlag = 0x04;
  std::string header = HeaderOnly(ImageFormat::kWebp, image.height_px, image.width_px);
  header[20] = type == "EXIF" ? kExifFlag : kXmpFlag;
  std::string chunk = type + LittleEndian(payload.size(), 4) + payload;
  if (chunk.size() % 2 != 0) chunk += '\0';
  const std::string content = header.substr(kRiffHeaderBytes) + file.substr(kRiffHeaderBytes) + chunk;
  return "RIFF" + LittleEndian(content.size() + 4, 4) + "WEBP" + content;
}

}  // namespace vitok
