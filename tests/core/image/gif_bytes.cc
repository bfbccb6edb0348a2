#include "tests/core/image/gif_bytes.h"

#include <algorithm>
#include <bit>

#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

constexpr int kIndexBits = 8;
constexpr uint32_t kClear = 1 << kIndexBits, kEnd = kClear + 1, kFirstFree = kClear + 2, kMaxCode = 4095;

// LZW codes as bits from the lowest, whose size grows with the table that a reader builds.
class CodeWriter {
 public:
  CodeWriter() { Put(kClear); }

  void Put(uint32_t code) {
    bits_ |= uint64_t{code} << num_bits_;
    for (num_bits_ += code_bits_; num_bits_ >= 8; num_bits_ -= 8, bits_ >>= 8) bytes_ += static_cast<char>(bits_);
    if (code == kClear) {
      code_bits_ = kIndexBits + 1;
      next_ = kFirstFree - 1;  // the first code after it adds nothing
      return;
    }
    next_ = std::min(next_ + 1, kMaxCode + 1);
    if (next_ >= 1U << code_bits_ && next_ <= kMaxCode) ++code_bits_;
  }

  // The smallest code size, and everything in blocks.
  std::string Finish() {
    Put(kEnd);
    bytes_ += static_cast<char>(bits_);
    constexpr size_t kMaxBlockBytes = 255;
    std::string blocks(1, static_cast<char>(kIndexBits));
    for (size_t at = 0; at < bytes_.size(); at += kMaxBlockBytes) {
      const std::string block = bytes_.substr(at, kMaxBlockBytes);
      blocks += static_cast<char>(block.size()) + block;
    }
    return blocks + '\0';
  }

 private:
  std::string bytes_;
  uint64_t bits_ = 0;
  int num_bits_ = 0, code_bits_ = kIndexBits + 1;
  uint32_t next_ = 0;
};

int TableFlags(const GifColours& colours) {
  constexpr int kHasTable = 0x80;
  return colours.empty() ? 0 : kHasTable | (std::bit_width(colours.size()) - 2);
}

std::string TableBytes(const GifColours& colours) {
  std::string bytes;
  for (const auto& colour : colours) bytes.append(colour.begin(), colour.end());
  return bytes;
}

// Everything but the codes and what follows them.
std::string GifHead(const GifPicture& picture) {
  constexpr int kInterlaced = 0x40;
  return "GIF89a" + LittleEndian(picture.screen_width_px, 2) + LittleEndian(picture.screen_height_px, 2) +
         LittleEndian(TableFlags(picture.screen_colours), 1) + LittleEndian(1, 1) + LittleEndian(0, 1) +
         TableBytes(picture.screen_colours) + picture.extensions + "," + LittleEndian(picture.left_px, 2) +
         LittleEndian(picture.top_px, 2) + LittleEndian(picture.width_px, 2) + LittleEndian(picture.height_px, 2) +
         LittleEndian(TableFlags(picture.colours) | (picture.interlaced ? kInterlaced : 0), 1) +
         TableBytes(picture.colours);
}

}  // namespace

std::string TransparentIndex(uint8_t index) {
  return std::string("!\xF9\x04\x01\0\0", 6) + static_cast<char>(index) + '\0';
}

std::string MakeGif(const GifPicture& picture) {
  CodeWriter codes;
  constexpr size_t kCodesPerTable = 200;  // cleared before codes grow
  for (size_t i = 0; i < picture.indices.size(); ++i) {
    if (i % kCodesPerTable == kCodesPerTable - 1) codes.Put(kClear);
    codes.Put(picture.indices[i]);
  }
  return GifHead(picture) + codes.Finish() + ";";
}

std::string MakeGrayGif(const RgbImage& image) {
  const auto height_px = static_cast<uint32_t>(image.height_px), width_px = static_cast<uint32_t>(image.width_px);
  GifPicture picture{
      .screen_height_px = height_px, .screen_width_px = width_px, .height_px = height_px, .width_px = width_px};
  for (size_t i = 0; i < image.pixels_HWC.size(); i += 3) picture.indices.push_back(image.pixels_HWC[i]);
  return MakeGif(picture);
}

std::string MakeGifOfOneColour(uint32_t height_px, uint32_t width_px) {
  const uint64_t num_pixels = uint64_t{height_px} * width_px;
  CodeWriter codes;
  uint32_t code = 0;
  for (uint64_t done = 0, run = 1; done < num_pixels; done += run++) {
    codes.Put(code);
    code = run == 1 ? kFirstFree : code + 1;
  }
  return GifHead({.screen_height_px = height_px,
                  .screen_width_px = width_px,
                  .height_px = height_px,
                  .width_px = width_px}) +
         codes.Finish() + ";";
}

}  // namespace vitok
