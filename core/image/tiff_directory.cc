#include "core/image/tiff_directory.h"

#include <set>

#include "core/image/byte_reader.h"

namespace vitok {

std::optional<std::map<uint16_t, uint32_t>> ReadTiffDirectory(std::string_view bytes) {
  constexpr uint32_t kMagic = 42, kByte = 1, kShort = 3, kLong = 4;
  const bool little = bytes.substr(0, 2) == "II";
  if (!little && bytes.substr(0, 2) != "MM") return std::nullopt;
  const ByteReader reader(bytes, little ? ByteReader::Order::kLittleEndian : ByteReader::Order::kBigEndian);
  if (reader.U16(2) != kMagic) return std::nullopt;
  const std::optional<uint32_t> directory = reader.U32(4);
  if (!directory.has_value()) return std::nullopt;
  const std::optional<uint32_t> count = reader.U16(*directory);
  if (!count.has_value()) return std::nullopt;

  std::map<uint16_t, uint32_t> fields;
  std::set<uint32_t> seen;
  for (uint64_t i = 0; i < *count; ++i) {
    constexpr uint64_t kEntryBytes = 12, kInlineBytes = 4;
    const uint64_t entry = *directory + 2 + i * kEntryBytes;
    const std::optional<uint32_t> tag = reader.U16(entry), type = reader.U16(entry + 2), values = reader.U32(entry + 4);
    if (!reader.Slice(entry, kEntryBytes).has_value()) return std::nullopt;
    if (!seen.insert(*tag).second || *values == 0) continue;
    const uint64_t value_bytes = *type == kByte ? 1 : *type == kShort ? 2 : 4;
    // Values that do not fit the entry lie elsewhere in the file.
    uint64_t where = entry + 8;
    if (value_bytes * *values > kInlineBytes) where = *reader.U32(where);
    std::optional<uint32_t> value;
    if (*type == kByte) value = reader.U8(where);
    if (*type == kShort) value = reader.U16(where);
    if (*type == kLong) value = reader.U32(where);
    if (value.has_value()) fields.emplace(static_cast<uint16_t>(*tag), *value);
  }
  return fields;
}

}  // namespace vitok
