#include "core/base/utf8.h"

#include <cstddef>
#include <cstdint>

namespace vitok {
namespace {

// Bytes of the sequence that begins `text`, 0 if it is not well-formed. REQUIRES: not empty.
size_t SequenceLength(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text.front());
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC0 || lead > 0xF4 || text.size() < length) return 0;
  uint32_t code = lead & (0x7F >> length);
  for (const char byte : text.substr(1, length - 1)) {
    if ((static_cast<uint8_t>(byte) & 0xC0) != 0x80) return 0;
    code = code << 6 | (static_cast<uint8_t>(byte) & 0x3F);
  }
  constexpr uint32_t kSmallest[] = {0x80, 0x800, 0x10000}, kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;
  const bool surrogate = code >= kFirstSurrogate && code <= kLastSurrogate;
  return code >= kSmallest[length - 2] && code <= 0x10FFFF && !surrogate ? length : 0;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace vitok
