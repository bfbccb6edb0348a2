#include "core/image/tiff_directory.h"

#include <limits>
#include <set>

#include "core/image/byte_reader.h"

namespace vitok {
namespace {

// Of one value of an integer type, signed or not; 0 for other types. LONG8 is of BigTIFF, but libtiff reads it
// everywhere.
uint64_t IntegerBytes(uint32_t type) {
  constexpr uint32_t kByte = 1, kShort = 3, kLong = 4, kSByte = 6, kSShort = 8, kSLong = 9, kLong8 = 16, kSLong8 = 17;
  switch (type) {
    case kByte:
    case kSByte: return 1;
    case kShort:
    case kSShort: return 2;
    case kLong:
    case kSLong: return 4;
    case kLong8:
    case kSLong8: return 8;
    default: return 0;
  }
}

std::optional<uint32_t> ReadInteger(const ByteReader& reader, uint64_t where, uint64_t num_bytes, bool little) {
  switch (num_bytes) {
    case 1: return reader.U8(where);
    case 2: return reader.U16(where);
    case 4: return reader.U32(where);
    default: break;
  }
  const std::optional<uint32_t> low = reader.U32(where + (little ? 0 : 4)), high = reader.U32(where + (little ? 4 : 0));
  if (!low.has_value() || !high.has_value()) return std::nullopt;
  return *high == 0 ? *low : std::numeric_limits<uint32_t>::max();
}

}  // namespace

std::optional<std::map<uint16_t, uint32_t>> ReadTiffDirectory(std::string_view bytes) {
  constexpr uint32_t kMagic = 42;
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
    const uint64_t value_bytes = IntegerBytes(*type);
    if (value_bytes == 0) continue;
    // Values that do not fit the entry lie elsewhere in the file.
    uint64_t where = entry + 8;
    if (value_bytes * *values > kInlineBytes) where = *reader.U32(where);
    const std::optional<uint32_t> value = ReadInteger(reader, where, value_bytes, little);
    if (value.has_value()) fields.emplace(static_cast<uint16_t>(*tag), *value);
  }
  return fields;
}

}  // namespace vitok
