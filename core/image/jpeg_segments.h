// Walk over the marker segments of a JPEG file, up to the picture data (ITU-T T.81, annex B).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/image/byte_reader.h"

namespace vitok {

struct JpegSegment {
  uint8_t marker = 0;     // second byte of the marker: 0xE1 for APP1
  std::string_view data;  // without marker and length
};

//   for (JpegSegmentReader reader(bytes); auto segment = reader.Next();) ...
class JpegSegmentReader {
 public:
  // REQUIRES: `bytes` begins with the start marker FF D8.
  explicit JpegSegmentReader(std::string_view bytes) : reader_(bytes, ByteReader::Order::kBigEndian) {}

  // The next segment; nullopt at the start of scan, the end of the image, or where the file is cut off or damaged.
  std::optional<JpegSegment> Next() {
    constexpr uint32_t kStartOfScan = 0xDA, kEndOfImage = 0xD9, kTemporary = 0x01, kRestart0 = 0xD0, kRestart7 = 0xD7;
    while (reader_.U8(offset_) == 0xFF) {
      const std::optional<uint32_t> marker = reader_.U8(offset_ + 1);
      if (!marker.has_value() || *marker == kStartOfScan || *marker == kEndOfImage) return std::nullopt;
      if (*marker == 0xFF) {  // fill byte
        ++offset_;
        continue;
      }
      offset_ += 2;
      if (*marker == kTemporary || (*marker >= kRestart0 && *marker <= kRestart7)) continue;
      const std::optional<uint32_t> length = reader_.U16(offset_);
      if (!length.has_value() || *length < 2) return std::nullopt;
      const std::optional<std::string_view> data = reader_.Slice(offset_ + 2, *length - 2);
      if (!data.has_value()) return std::nullopt;
      offset_ += *length;
      return JpegSegment{static_cast<uint8_t>(*marker), *data};
    }
    return std::nullopt;
  }

 private:
  ByteReader reader_;
  uint64_t offset_ = 2;
};

}  // namespace vitok
