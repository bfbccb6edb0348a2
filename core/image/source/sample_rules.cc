#include "core/image/source/sample_rules.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "absl/strings/ascii.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// In the order in which the reference looks for them; it does not know the last two.
constexpr std::array<std::string_view, 6> kPictureSuffixes = {"jpg", "jpeg", "png", "webp", "bmp", "gif"};

std::string ToLower(std::string_view text) { return absl::AsciiStrToLower(ToAbsl(text)); }

}  // namespace

std::optional<SampleName> SplitSampleName(std::string_view member_name) {
  const size_t slash = member_name.rfind('/');
  const size_t file = slash == std::string_view::npos ? 0 : slash + 1;
  const size_t dot = member_name.find('.', file);
  if (dot == std::string_view::npos) return std::nullopt;
  if (dot == file) {
    // ".x.jpg" in a folder belongs to the sample "folder/", unless the folder's own name has a dot.
    if (file == 0) return std::nullopt;
    const size_t before = member_name.substr(0, slash).rfind('/');
    const size_t folder = before == std::string_view::npos ? 0 : before + 1;
    if (member_name.substr(folder, slash - folder).find('.') != std::string_view::npos) return std::nullopt;
  }
  return SampleName{member_name.substr(0, dot), ToLower(member_name.substr(dot + 1))};
}

bool IsMetaName(std::string_view member_name) {
  const std::string_view first = member_name.substr(0, member_name.find('/'));
  return first.size() >= 4 && first.starts_with("__") && first.ends_with("__");
}

std::optional<int> PictureRank(std::string_view suffix) {
  const auto* const found = std::ranges::find(kPictureSuffixes, suffix);
  if (found == kPictureSuffixes.end()) return std::nullopt;
  return static_cast<int>(found - kPictureSuffixes.begin());
}

bool HasPictureSuffix(std::string_view file_name) {
  const size_t dot = file_name.rfind('.');
  // A name that begins with its only dot has no suffix, as in Python's pathlib.
  const size_t first = file_name.rfind('/') == std::string_view::npos ? 0 : file_name.rfind('/') + 1;
  return dot != std::string_view::npos && dot > first && PictureRank(ToLower(file_name.substr(dot + 1))).has_value();
}

absl::StatusOr<int64_t> ParseLabel(std::string_view text) {
  const absl::string_view stripped = absl::StripAsciiWhitespace(ToAbsl(text));
  if (stripped.empty()) return kNoLabel;
  const char* const end = stripped.data() + stripped.size();
  // from_chars knows no plus sign.
  const char* const begin = stripped.data() + (stripped.size() > 1 && stripped[0] == '+' && stripped[1] != '-' ? 1 : 0);
  int64_t label = 0;
  const auto [parsed_to, error] = std::from_chars(begin, end, label);
  if (error != std::errc() || parsed_to != end) {
    constexpr size_t kMaxShown = 32;
    return absl::InvalidArgumentError(
        StrCat("label must be an integer of 64 bits; was '", stripped.substr(0, kMaxShown), "'"));
  }
  return label;
}

}  // namespace vitok
