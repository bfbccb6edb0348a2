#include "core/image/value_reader.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

bool IsWordCharacter(char c) { return absl::ascii_isalnum(c) || c == '_'; }

// `digits` without its '_' separators; empty if one of them is not between two digits.
std::string WithoutSeparators(std::string_view digits) {
  std::string plain;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (digits[i] != '_') {
      plain += digits[i];
    } else if (i == 0 || i + 1 == digits.size() || !absl::ascii_isxdigit(digits[i - 1]) ||
               !absl::ascii_isxdigit(digits[i + 1])) {
      return "";
    }
  }
  return plain;
}

template <typename Number, typename... Format>
std::optional<Number> ParseWhole(std::string_view text, Format... format) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, format...);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A number without sign, as Python writes it: 1_024, 0x40, .5, 1e-1.
std::optional<ArgValue> ParseNumber(std::string_view text, bool negative) {
  const bool hex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  const std::string digits = WithoutSeparators(hex ? text.substr(2) : text);
  const bool leading_zero =
      !hex && digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') < digits.size();
  if (const auto integer = ParseWhole<int64_t>((negative ? "-" : "") + digits, hex ? 16 : 10);
      integer.has_value() && !leading_zero && digits[0] != '-') {
    return ArgValue{*integer};
  }
  const bool starts_well = !digits.empty() && (absl::ascii_isdigit(digits[0]) || digits[0] == '.');
  const bool is_float = digits.find_first_of(".eE") != std::string::npos;
  if (hex || !starts_well || !is_float) return std::nullopt;
  const auto number = ParseWhole<double>(digits, std::chars_format::general);
  if (!number.has_value()) return std::nullopt;
  return ArgValue{negative ? -*number : *number};
}

}  // namespace

std::optional<ArgValue> NamedConstant(std::string_view word) {
  if (word == "True") return ArgValue{true};
  if (word == "False") return ArgValue{false};
  if (word == "None") return ArgValue{ArgNone{}};
  return std::nullopt;
}

void ValueReader::SkipBlanks() {
  while (next_ < text_.size() && absl::ascii_isspace(text_[next_])) ++next_;
}

bool ValueReader::AtEnd() {
  SkipBlanks();
  return next_ == text_.size();
}

bool ValueReader::Peek(char wanted) { return !AtEnd() && text_[next_] == wanted; }

bool ValueReader::Take(char wanted) {
  if (!Peek(wanted)) return false;
  ++next_;
  return true;
}

std::string_view ValueReader::ReadName() {
  SkipBlanks();
  const size_t begin = next_;
  while (next_ < text_.size() && IsWordCharacter(text_[next_])) ++next_;
  return text_.substr(begin, next_ - begin);
}

std::string_view ValueReader::ReadWord() {
  const size_t begin = next_;
  const std::string_view name = ReadName();
  if (!name.empty() && !absl::ascii_isdigit(name[0]) && (Peek(',') || Peek(')'))) return name;
  next_ = begin;
  return "";
}

std::string_view ValueReader::ReadKeyword() {
  const size_t begin = next_;
  const std::string_view name = ReadName();
  if (!name.empty() && !absl::ascii_isdigit(name[0]) && Take('=')) return name;
  next_ = begin;
  return "";
}

absl::StatusOr<ArgValue> ValueReader::ReadValue(int depth) {
  constexpr int kMaxDepth = 32;  // the reader recurses, and the text may come from a request
  if (depth > kMaxDepth) return Error("lists are nested too deeply");
  if (AtEnd()) return Error("expected a value");
  if (Peek('\'') || Peek('"')) return ReadString(text_[next_++]);
  bool has_comma = false;
  if (Take('[')) {
    VITOK_ASSIGN_OR_RETURN(std::vector<ArgValue> values, ReadValues(']', depth, has_comma));
    return ArgValue{ArgList{std::move(values)}};
  }
  if (Take('(')) {
    VITOK_ASSIGN_OR_RETURN(std::vector<ArgValue> values, ReadValues(')', depth, has_comma));
    // As in Python: (1,) is a tuple, (1) is 1.
    if (values.size() == 1 && !has_comma) return std::move(values.front());
    return ArgValue{ArgTuple{std::move(values)}};
  }
  if (const size_t begin = next_; absl::ascii_isalpha(text_[next_]) || text_[next_] == '_') {
    if (std::optional<ArgValue> constant = NamedConstant(ReadName()); constant.has_value()) return *std::move(constant);
    next_ = begin;
    return Error("expected a number, a quoted string, True, False, None, a list or a tuple");
  }
  return ReadNumber();
}

absl::StatusOr<std::vector<ArgValue>> ValueReader::ReadValues(char close, int depth, bool& has_comma) {
  std::vector<ArgValue> values;
  while (!Take(close)) {
    VITOK_ASSIGN_OR_RETURN(ArgValue value, ReadValue(depth + 1));
    values.push_back(std::move(value));
    if (Take(',')) {
      has_comma = true;
    } else if (!Peek(close)) {
      return Error(StrCat("expected ',' or '", std::string(1, close), "'"));
    }
  }
  return values;
}

absl::StatusOr<ArgValue> ValueReader::ReadNumber() {
  const size_t start = next_;
  bool negative = false;
  while (Peek('-') || Peek('+')) negative ^= text_[next_++] == '-';
  SkipBlanks();
  const size_t begin = next_;
  const std::string_view prefix = text_.substr(begin, 2);
  const bool hex = prefix == "0x" || prefix == "0X";
  for (char before = '\0'; next_ < text_.size(); before = text_[next_++]) {
    const char c = text_[next_];
    const bool exponent_sign = !hex && (before == 'e' || before == 'E') && (c == '-' || c == '+');
    if (!IsWordCharacter(c) && c != '.' && !exponent_sign) break;
  }
  std::optional<ArgValue> number = ParseNumber(text_.substr(begin, next_ - begin), negative);
  if (number.has_value()) return *std::move(number);
  next_ = start;
  return Error("expected a value");
}

absl::StatusOr<ArgValue> ValueReader::ReadString(char quote) {
  std::string value;
  while (next_ < text_.size() && text_[next_] != quote && text_[next_] != '\n') {
    char c = text_[next_++];
    if (c == '\\') {
      const char escaped = next_ < text_.size() ? text_[next_++] : '\0';
      switch (escaped) {
        case '\\':
        case '\'':
        case '"': c = escaped; break;
        case 'n': c = '\n'; break;
        case 'r': c = '\r'; break;
        case 't': c = '\t'; break;
        default: return Error("expected one of \\\\ \\' \\\" \\n \\r \\t");
      }
    }
    value += c;
  }
  // Not Take, which would skip the line end that closes no string.
  if (next_ == text_.size() || text_[next_] != quote) return Error("string without a closing quote");
  ++next_;
  return ArgValue{std::move(value)};
}

absl::Status ValueReader::Error(std::string_view what) {
  constexpr size_t kNearBytes = 16;
  if (AtEnd()) return absl::InvalidArgumentError(StrCat(what, " at its end"));
  return absl::InvalidArgumentError(
      StrCat(what, " at its character ", next_ + 1, ", near '", text_.substr(next_, kNearBytes), "'"));
}

}  // namespace vitok
