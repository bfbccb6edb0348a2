#include "tests/core/image/corruption.h"

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "core/image/byte_reader.h"
#include "tests/core/image/image_bytes.h"
#include "tests/fuzz/png_checksums.h"

namespace vitok {
namespace {

using Order = ByteReader::Order;

// Where parts begin, each function for one format. Offsets beyond the file do no harm.
using Offsets = std::set<size_t>;

Offsets JpegParts(std::string_view bytes) {
  constexpr uint32_t kStartOfScan = 0xDA, kRestart0 = 0xD0, kRestart7 = 0xD7, kLastWithoutLength = 0xD9;
  const ByteReader reader(bytes, Order::kBigEndian);
  Offsets parts;
  for (size_t at = 2; at + 1 < bytes.size();) {
    parts.insert(at);
    const uint32_t marker = *reader.U8(at + 1);
    at += 2;
    if (marker >= kRestart0 && marker <= kLastWithoutLength) continue;
    at += reader.U16(at).value_or(2);
    if (marker != kStartOfScan) continue;
    const auto ends_scan = [&](uint32_t next) { return next != 0 && (next < kRestart0 || next > kRestart7); };
    while (at + 1 < bytes.size() && !(*reader.U8(at) == 0xFF && ends_scan(*reader.U8(at + 1)))) ++at;
  }
  return parts;
}

// Chunks that begin with four bytes of length and of type in some order.
Offsets ChunkParts(std::string_view bytes, size_t first, Order order, size_t length_offset, size_t extra_bytes) {
  const ByteReader reader(bytes, order);
  Offsets parts;
  for (size_t at = first; at < bytes.size();) {
    parts.insert(at);
    const uint64_t length = reader.U32(at + length_offset).value_or(0);
    at += 8 + length + extra_bytes + (order == Order::kLittleEndian ? length % 2 : 0);
  }
  return parts;
}

Offsets TiffParts(std::string_view bytes) {
  constexpr size_t kHeaderBytes = 8, kEntryBytes = 12;
  const ByteReader reader(bytes, Order::kLittleEndian);
  const size_t directory = reader.U32(4).value_or(0);
  Offsets parts = {kHeaderBytes, directory};
  const size_t count = reader.U16(directory).value_or(0);
  for (size_t i = 0; i <= count; ++i) parts.insert(directory + 2 + i * kEntryBytes);
  return parts;
}

// The screen, extensions, what describes the picture, and each block of data.
Offsets GifParts(std::string_view bytes) {
  constexpr size_t kScreenBytes = 13, kPictureBytes = 10;
  constexpr uint32_t kHasTable = 0x80, kTableBits = 0x07, kExtension = 0x21, kPicture = 0x2C;
  const ByteReader reader(bytes, Order::kLittleEndian);
  const auto table_bytes = [&](size_t flags_at) -> size_t {
    const uint32_t flags = reader.U8(flags_at).value_or(0);
    return (flags & kHasTable) != 0 ? size_t{6} << (flags & kTableBits) : 0;
  };
  Offsets parts = {kScreenBytes};
  for (size_t at = kScreenBytes + table_bytes(10); at < bytes.size();) {
    parts.insert(at);
    const uint32_t kind = *reader.U8(at);
    if (kind != kExtension && kind != kPicture) break;
    at += kind == kExtension ? 2 : kPictureBytes + table_bytes(at + kPictureBytes - 1) + 1;
    for (uint32_t length = 1; length != 0; at += 1 + length) {
      parts.insert(at);
      length = reader.U8(at).value_or(0);
    }
  }
  return parts;
}

Offsets Parts(std::string_view bytes, ImageFormat format) {
  constexpr size_t kPngSignatureBytes = 8, kPngChecksumBytes = 4, kRiffHeaderBytes = 12;
  switch (format) {
    case ImageFormat::kJpeg: return JpegParts(bytes);
    case ImageFormat::kPng: return ChunkParts(bytes, kPngSignatureBytes, Order::kBigEndian, 0, kPngChecksumBytes);
    case ImageFormat::kWebp: return ChunkParts(bytes, kRiffHeaderBytes, Order::kLittleEndian, 4, 0);
    case ImageFormat::kBmp: return {14, 54, bytes.size() / 2};
    case ImageFormat::kTiff: return TiffParts(bytes);
    case ImageFormat::kGif: return GifParts(bytes);
  }
  return {};
}

void Overwrite(std::string& file, size_t at, const std::string& bytes) {
  if (at + bytes.size() <= file.size()) file.replace(at, bytes.size(), bytes);
}

void SetJpegSize(std::string& file, uint32_t height_px, uint32_t width_px) {
  for (const size_t part : JpegParts(file)) {
    const auto marker = static_cast<uint8_t>(file[part + 1]);
    if (marker < 0xC0 || marker > 0xC2) continue;
    Overwrite(file, part + 5, BigEndian(height_px, 2) + BigEndian(width_px, 2));
  }
}

void SetWebpSize(std::string& file, uint32_t height_px, uint32_t width_px) {
  const std::string kind = file.substr(12, 4);
  if (kind == "VP8X") Overwrite(file, 24, LittleEndian(width_px - 1, 3) + LittleEndian(height_px - 1, 3));
  if (kind == "VP8 ") Overwrite(file, 26, LittleEndian(width_px & 0x3FFF, 2) + LittleEndian(height_px & 0x3FFF, 2));
  if (kind == "VP8L") {
    const uint32_t flags = *ByteReader(file, Order::kLittleEndian).U32(21) & 0xF0000000;
    const uint32_t size = ((width_px - 1) & 0x3FFF) | ((height_px - 1) & 0x3FFF) << 14;
    Overwrite(file, 21, LittleEndian(flags | size, 4));
  }
}

void SetTiffSize(std::string& file, uint32_t height_px, uint32_t width_px) {
  constexpr uint32_t kImageWidth = 256, kImageLength = 257, kLong = 4;
  const ByteReader reader(file, Order::kLittleEndian);
  std::vector<std::pair<size_t, std::string>> entries;
  for (const size_t part : TiffParts(file)) {
    const uint32_t tag = reader.U16(part).value_or(0);
    if (tag == kImageWidth) entries.emplace_back(part, TiffEntry(kImageWidth, kLong, width_px));
    if (tag == kImageLength) entries.emplace_back(part, TiffEntry(kImageLength, kLong, height_px));
  }
  for (const auto& [at, entry] : entries) Overwrite(file, at, entry);
}

void SetGifSize(std::string& file, uint32_t height_px, uint32_t width_px) {
  const std::string size = LittleEndian(width_px, 2) + LittleEndian(height_px, 2);
  Overwrite(file, 6, size);
  for (const size_t part : GifParts(file)) {
    if (part >= file.size() || file[part] != ',') continue;
    Overwrite(file, part + 5, size);
    return;
  }
}

std::string Join(const std::vector<std::string>& parts) {
  std::string file;
  for (const std::string& part : parts) file += part;
  return file;
}

// Numbers below a bound, equal on all machines.
class Dice {
 public:
  explicit Dice(uint32_t seed) : random_(seed) {}
  size_t Below(size_t end) { return end == 0 ? 0 : random_() % end; }
  template <typename Values>
  auto Of(const Values& values) {
    return values[Below(std::size(values))];
  }

 private:
  std::mt19937 random_;
};

void FlipBits(std::string& file, Dice& dice) {
  for (size_t flips = 1 + dice.Below(8); flips > 0; --flips) {
    file[dice.Below(file.size())] ^= static_cast<char>(1 << dice.Below(8));
  }
}

void OverwriteBytes(std::string& file, Dice& dice) {
  constexpr size_t kMaxBytes = 64;
  const size_t kind = dice.Below(3);
  const size_t begin = dice.Below(file.size()), end = std::min(file.size(), begin + 1 + dice.Below(kMaxBytes));
  for (size_t i = begin; i < end; ++i) file[i] = static_cast<char>(kind == 0 ? 0 : kind == 1 ? 0xFF : dice.Below(256));
}

void SetField(std::string& file, Dice& dice) {
  constexpr size_t kHeaderBytes = 256;
  constexpr std::array<uint64_t, 8> kExtremes = {0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
  const int bytes = dice.Below(2) == 0 ? 2 : 4;
  const size_t at = dice.Below(std::min(file.size(), kHeaderBytes));
  const uint64_t value = dice.Of(kExtremes);
  Overwrite(file, at, dice.Below(2) == 0 ? LittleEndian(value, bytes) : BigEndian(value, bytes));
}

}  // namespace

std::vector<std::string> SplitFile(const PictureFile& file) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (const size_t end : Parts(file.bytes, file.format)) {
    if (end <= begin || end >= file.bytes.size()) continue;
    parts.push_back(file.bytes.substr(begin, end - begin));
    begin = end;
  }
  parts.push_back(file.bytes.substr(begin));
  return parts;
}

std::string WithSize(const PictureFile& file, uint32_t height_px, uint32_t width_px) {
  std::string bytes = file.bytes;
  switch (file.format) {
    case ImageFormat::kJpeg: SetJpegSize(bytes, height_px, width_px); break;
    case ImageFormat::kPng:
      Overwrite(bytes, 16, BigEndian(width_px, 4) + BigEndian(height_px, 4));
      MendPngChecksums(bytes);
      break;
    case ImageFormat::kWebp: SetWebpSize(bytes, height_px, width_px); break;
    case ImageFormat::kBmp: Overwrite(bytes, 18, LittleEndian(width_px, 4) + LittleEndian(height_px, 4)); break;
    case ImageFormat::kTiff: SetTiffSize(bytes, height_px, width_px); break;
    case ImageFormat::kGif: SetGifSize(bytes, height_px, width_px); break;
  }
  return bytes;
}

std::string Corrupt(const PictureFile& file, uint32_t seed) {
  constexpr std::array<uint32_t, 10> kSidesPx = {0, 1, 2, 31, 257, 16383, 65500, 65535, 0x7FFFFFFF, 0xFFFFFFFF};
  constexpr uint32_t kWays = 8;
  Dice dice(seed);
  std::string bytes = file.bytes;
  std::vector<std::string> parts = SplitFile(file);
  const size_t part = dice.Below(parts.size());
  switch (seed % kWays) {
    case 0: FlipBits(bytes, dice); break;
    case 1: OverwriteBytes(bytes, dice); break;
    case 2: SetField(bytes, dice); break;
    case 3:
      parts[part].clear();
      bytes = Join(parts);
      break;
    case 4:
      parts.insert(parts.begin() + static_cast<int64_t>(part), parts[part]);
      bytes = Join(parts);
      break;
    case 5:
      std::swap(parts[part], parts[dice.Below(parts.size())]);
      bytes = Join(parts);
      break;
    case 6:
      parts[part].resize(dice.Below(parts[part].size()));
      bytes = Join(parts);
      break;
    default: {
      // One of the sides stays in half of the cases.
      const ImageHeader header = *ReadImageHeader(file.bytes);
      const uint32_t other_px = dice.Of(kSidesPx);
      const size_t kept = dice.Below(4);
      bytes = WithSize(file, kept == 0 ? header.height_px : dice.Of(kSidesPx), kept == 1 ? header.width_px : other_px);
    }
  }
  if (seed / kWays % 2 == 0) MendPngChecksums(bytes);
  return bytes;
}

}  // namespace vitok
