#include "server/tracing/trace_context.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace vitok {
namespace {

constexpr size_t kMaxMembers = 32;
constexpr size_t kMaxValueBytes = 256;
constexpr size_t kMaxKeyBytes = 256;
constexpr size_t kMaxTenantBytes = 241;
constexpr size_t kMaxSystemBytes = 14;

// Values of hexadecimal digits; -1 for all but 0-9 and a-f.
constexpr std::array<int8_t, 256> kHexValues = [] {
  std::array<int8_t, 256> values = {};
  values.fill(-1);
  for (int i = 0; i < 10; ++i) values['0' + i] = static_cast<int8_t>(i);
  for (int i = 0; i < 6; ++i) values['a' + i] = static_cast<int8_t>(10 + i);
  return values;
}();

// REQUIRES: at most 16 digits.
std::optional<uint64_t> ParseHex(std::string_view digits) {
  uint64_t value = 0;
  int seen = 0;  // negative once one of them was
  for (const char digit : digits) {
    const int nibble = kHexValues[static_cast<unsigned char>(digit)];
    seen |= nibble;
    value = value << 4 | static_cast<uint64_t>(nibble & 0xf);
  }
  return seen < 0 ? std::nullopt : std::optional(value);
}

bool IsKeyText(std::string_view text, size_t max_bytes, bool may_start_with_digit) {
  if (text.empty() || text.size() > max_bytes) return false;
  if (!absl::ascii_islower(text[0]) && !(may_start_with_digit && absl::ascii_isdigit(text[0]))) return false;
  for (const char c : text) {
    const bool allowed =
        absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_' || c == '-' || c == '*' || c == '/';
    if (!allowed) return false;
  }
  return true;
}

bool IsKey(std::string_view key) {
  const size_t at = key.find('@');
  if (at == std::string_view::npos) return IsKeyText(key, kMaxKeyBytes, /*may_start_with_digit=*/false);
  return IsKeyText(key.substr(0, at), kMaxTenantBytes, /*may_start_with_digit=*/true) &&
         IsKeyText(key.substr(at + 1), kMaxSystemBytes, /*may_start_with_digit=*/false);
}

// The spaces around a member are gone, so that one at the end cannot be seen here.
bool IsValue(std::string_view value) {
  if (value.empty() || value.size() > kMaxValueBytes) return false;
  for (const char c : value) {
    if (c < 0x20 || c > 0x7e || c == ',' || c == '=') return false;
  }
  return true;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::string TraceId::ToHex() const {
  return absl::StrCat(absl::Hex(high, absl::kZeroPad16), absl::Hex(low, absl::kZeroPad16));
}

std::string SpanId::ToHex() const { return absl::StrCat(absl::Hex(value, absl::kZeroPad16)); }

// version "-" trace-id "-" parent-id "-" trace-flags: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
std::optional<ParentContext> ParseTraceparent(std::string_view text) {
  constexpr size_t kSize = 55;
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return std::nullopt;
  const std::optional<uint64_t> version = ParseHex(text.substr(0, 2));
  const std::optional<uint64_t> trace_high = ParseHex(text.substr(3, 16));
  const std::optional<uint64_t> trace_low = ParseHex(text.substr(19, 16));
  const std::optional<uint64_t> span = ParseHex(text.substr(36, 16));
  const std::optional<uint64_t> flags = ParseHex(text.substr(53, 2));
  if (!version || !trace_high || !trace_low || !span || !flags || *version == 0xff) return std::nullopt;
  // Later versions may have more fields.
  if (text.size() > kSize && (*version == 0 || text[kSize] != '-')) return std::nullopt;
  const SpanContext context{{*trace_high, *trace_low}, {*span}};
  if (!context.valid()) return std::nullopt;
  return ParentContext{context, (*flags & 1) != 0};
}

bool IsTracestate(std::string_view text) {
  if (text.size() > kMaxTracestateBytes) return false;
  std::array<std::string_view, kMaxMembers> keys;
  size_t members = 0;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view member = Trim(text.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    if (member.empty()) continue;  // allowed, and no member
    const size_t equals = member.find('=');
    if (equals == std::string_view::npos || members == kMaxMembers) return false;
    const std::string_view key = member.substr(0, equals);
    if (!IsKey(key) || !IsValue(member.substr(equals + 1))) return false;
    for (size_t earlier = 0; earlier < members; ++earlier) {
      if (keys[earlier] == key) return false;
    }
    keys[members++] = key;
  }
  return members > 0;
}

}  // namespace vitok
