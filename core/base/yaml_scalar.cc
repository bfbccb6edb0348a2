#include "core/base/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// Removes leading decimal digits from `text`; returns how many.
size_t SkipDigits(std::string_view& text) {
  const size_t count = std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit) - text.begin();
  text.remove_prefix(count);
  return count;
}

bool SkipOneOf(std::string_view& text, std::string_view chars) {
  if (text.empty() || chars.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// [-+]? [0-9]+
bool IsDecimalInteger(std::string_view text) {
  SkipOneOf(text, "+-");
  return SkipDigits(text) > 0 && text.empty();
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool IsFloat(std::string_view text) {
  SkipOneOf(text, "+-");
  size_t digits = SkipDigits(text);
  if (SkipOneOf(text, ".")) digits += SkipDigits(text);
  if (digits == 0) return false;
  if (!SkipOneOf(text, "eE")) return text.empty();
  SkipOneOf(text, "+-");
  return SkipDigits(text) > 0 && text.empty();
}

bool IsNonFinite(std::string_view text) {
  if (IsOneOf(text, {".nan", ".NaN", ".NAN"})) return true;
  SkipOneOf(text, "+-");
  return IsOneOf(text, {".inf", ".Inf", ".INF"});
}

absl::Status NumberError(std::string_view text, std::string_view bound) {
  return absl::InvalidArgumentError(StrCat("number must be ", bound, "; was ", text));
}

template <typename Integer>
bool ParseWhole(std::string_view digits, int base, Integer& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return error == std::errc() && end == digits.data() + digits.size();
}

// `digits` in `base`, with a leading '-' if negative.
absl::StatusOr<nlohmann::json> IntegerValue(std::string_view text, std::string_view digits, int base) {
  if (int64_t value = 0; ParseWhole(digits, base, value)) return nlohmann::json(value);
  if (uint64_t value = 0; ParseWhole(digits, base, value)) return nlohmann::json(value);
  return NumberError(text, "an integer of 64 bits");
}

}  // namespace

absl::StatusOr<nlohmann::json> ResolvePlainScalar(std::string_view text) {
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) return nlohmann::json(nullptr);
  if (IsOneOf(text, {"true", "True", "TRUE"})) return nlohmann::json(true);
  if (IsOneOf(text, {"false", "False", "FALSE"})) return nlohmann::json(false);
  if (IsDecimalInteger(text)) return IntegerValue(text, text.substr(text.front() == '+' ? 1 : 0), 10);
  const std::string_view prefix = text.substr(0, 2), digits = text.substr(prefix.size());
  if (prefix == "0x" && !digits.empty() && std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
    return IntegerValue(text, digits, 16);
  }
  if (prefix == "0o" && !digits.empty() && digits.find_first_not_of("01234567") == std::string_view::npos) {
    return IntegerValue(text, digits, 8);
  }
  if (IsNonFinite(text)) return NumberError(text, "finite");
  if (IsFloat(text)) {
    const double value = std::strtod(std::string(text).c_str(), nullptr);
    if (!std::isfinite(value)) return NumberError(text, "finite");
    return nlohmann::json(value);
  }
  return nlohmann::json(std::string(text));
}

}  // namespace vitok
