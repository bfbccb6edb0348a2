#include "tests/fuzz/png_checksums.h"

#include <string_view>

#include "core/image/byte_reader.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {

void MendPngChecksums(std::string& file) {
  constexpr uint64_t kSignatureBytes = 8, kLengthBytes = 4, kTypeBytes = 4, kChecksumBytes = 4;
  if (!file.starts_with("\x89PNG")) return;
  for (uint64_t offset = kSignatureBytes;;) {
    const ByteReader reader(file, ByteReader::Order::kBigEndian);
    const std::optional<uint32_t> length = reader.U32(offset);
    if (!length.has_value()) return;
    const uint64_t covered = offset + kLengthBytes, checksum = covered + kTypeBytes + *length;
    const std::optional<std::string_view> bytes = reader.Slice(covered, kTypeBytes + uint64_t{*length});
    if (!bytes.has_value() || !reader.Slice(checksum, kChecksumBytes).has_value()) return;
    file.replace(checksum, kChecksumBytes, BigEndian(PngChecksum(*bytes), kChecksumBytes));
    offset = checksum + kChecksumBytes;
  }
}

}  // namespace vitok
