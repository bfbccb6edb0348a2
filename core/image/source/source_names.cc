#include "core/image/source/source_names.h"

#include <glob.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "core/base/byte_stream.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/source/python_random.h"

namespace vitok {
namespace {

constexpr size_t kNone = std::string_view::npos;

// Pieces of `text` between commas outside of braces.
std::vector<std::string_view> SplitAtCommas(std::string_view text) {
  std::vector<std::string_view> pieces;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && depth > 0) {
      --depth;
    }
  }
  return pieces;
}

absl::StatusOr<NamedPart> ParsePart(std::string_view text) {
  NamedPart part{.pattern = std::string(text)};
  const size_t equals = text.rfind('=');
  double weight = 0;
  // What does not end in a number is a path with an equals sign ("year=2020/a.tar").
  if (equals == kNone || !absl::SimpleAtod(ToAbsl(text.substr(equals + 1)), &weight)) return part;
  if (!std::isfinite(weight) || weight <= 0) {
    return absl::InvalidArgumentError(StrCat("weight of a data source must be positive; was '", text, "'"));
  }
  part.pattern = std::string(text.substr(0, equals));
  if (part.pattern.empty()) return absl::InvalidArgumentError(StrCat("data source '", text, "' has no name"));
  part.weight = weight;
  return part;
}

std::optional<int64_t> ParseCount(std::string_view digits) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

// What the text between one pair of braces stands for.
absl::StatusOr<std::vector<std::string>> Alternatives(std::string_view inside, std::string_view pattern) {
  const auto error = [&](std::string_view reason) {
    return absl::InvalidArgumentError(StrCat("braces {", inside, "} in '", pattern, "' ", reason));
  };
  std::vector<std::string> names;
  const size_t dots = inside.find("..");
  if (dots == kNone) {
    if (inside.find(',') == kNone) return error("must hold a range such as {0000..0099} or names such as {a,b}");
    for (const std::string_view name : SplitAtCommas(inside)) names.emplace_back(name);
    return names;
  }
  const std::optional<int64_t> first = ParseCount(inside.substr(0, dots)), last = ParseCount(inside.substr(dots + 2));
  if (!first.has_value() || !last.has_value()) return error("must hold two numbers, as {0000..0099} does");
  if (*last < *first) return error("hold a range that falls");
  if (*last - *first >= kMaxExpandedNames) return error(StrCat("hold more than ", kMaxExpandedNames, " names"));
  for (int64_t number = *first; number <= *last; ++number) {
    const std::string digits = StrCat(number);
    names.push_back(std::string(dots - std::min(dots, digits.size()), '0') + digits);
  }
  return names;
}

bool HasWildcards(std::string_view path) { return path.find_first_of("*?[") != kNone; }

absl::StatusOr<std::vector<std::string>> MatchWildcards(const std::string& pattern) {
  glob_t matches = {};
  const int error = glob(pattern.c_str(), 0, nullptr, &matches);
  std::vector<std::string> paths(matches.gl_pathv, matches.gl_pathv + (error == 0 ? matches.gl_pathc : 0));
  globfree(&matches);
  if (paths.empty()) return absl::NotFoundError(StrCat("no shard matches '", pattern, "'"));
  std::ranges::sort(paths);  // glob sorts as the locale does
  return paths;
}

absl::StatusOr<std::vector<std::string>> ShardsOfFolder(const std::string& folder) {
  std::vector<std::string> tars, parquets;
  std::error_code error;
  for (std::filesystem::directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    if (i->path().extension() == ".tar") tars.push_back(i->path().string());
    if (i->path().extension() == ".parquet") parquets.push_back(i->path().string());
  }
  if (error) return absl::NotFoundError(StrCat("cannot list folder '", folder, "': ", error.message()));
  std::vector<std::string> paths = std::move(tars.empty() ? parquets : tars);
  if (paths.empty()) return absl::NotFoundError(StrCat("folder '", folder, "' holds no .tar or .parquet files"));
  std::ranges::sort(paths);
  return paths;
}

absl::StatusOr<std::vector<std::string>> ShardsOfPath(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return ShardsOfFolder(path);
  if (std::filesystem::exists(path, error)) return std::vector<std::string>{path};
  if (HasWildcards(path)) return MatchWildcards(path);
  return absl::NotFoundError(StrCat("no such file or folder: '", path, "'"));
}

}  // namespace

absl::StatusOr<std::vector<NamedPart>> SplitSourceName(std::string_view name) {
  std::vector<NamedPart> parts;
  size_t weighted = 0;
  for (const std::string_view text : SplitAtCommas(name)) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(ToAbsl(text));
    if (stripped.empty()) continue;
    VITOK_ASSIGN_OR_RETURN(NamedPart part, ParsePart({stripped.data(), stripped.size()}));
    weighted += part.weight.has_value() ? 1 : 0;
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return absl::InvalidArgumentError("the data source has no name");
  if (weighted != 0 && weighted != parts.size()) {
    return absl::InvalidArgumentError(StrCat("all parts of a mix must have a weight, or none; ", weighted, " of ",
                                             parts.size(), " have in '", name, "'"));
  }
  return parts;
}

absl::StatusOr<std::vector<std::string>> ExpandBraces(std::string_view pattern) {
  std::vector<std::string> names = {""};
  std::string_view rest = pattern;
  while (true) {
    const size_t open = rest.find('{');
    for (std::string& name : names) name += rest.substr(0, open);
    if (open == kNone) return names;
    const size_t close = rest.find('}', open);
    if (close == kNone) return absl::InvalidArgumentError(StrCat("'", pattern, "' has a { without }"));
    VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> alternatives,
                           Alternatives(rest.substr(open + 1, close - open - 1), pattern));
    if (static_cast<int64_t>(names.size() * alternatives.size()) > kMaxExpandedNames) {
      return absl::InvalidArgumentError(StrCat("'", pattern, "' stands for more than ", kMaxExpandedNames, " names"));
    }
    std::vector<std::string> longer;
    for (const std::string& name : names) {
      for (const std::string& alternative : alternatives) longer.push_back(name + alternative);
    }
    names = std::move(longer);
    rest.remove_prefix(close + 1);
  }
}

absl::StatusOr<std::vector<std::string>> ExpandShardPattern(std::string_view pattern) {
  VITOK_ASSIGN_OR_RETURN(std::vector<std::string> names, ExpandBraces(pattern));
  std::vector<std::string> shards;
  for (std::string& name : names) {
    if (!SchemeOf(name).empty()) {
      shards.push_back(std::move(name));
      continue;
    }
    VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> paths, ShardsOfPath(name));
    shards.insert(shards.end(), paths.begin(), paths.end());
  }
  return shards;
}

std::vector<int64_t> ShuffleShards(const std::vector<int64_t>& shards_per_part, uint64_t seed) {
  std::vector<int64_t> order;
  for (const int64_t count : shards_per_part) {
    std::vector<int64_t> part(count);
    std::iota(part.begin(), part.end(), static_cast<int64_t>(order.size()));
    PythonRandom(seed).Shuffle(part);
    order.insert(order.end(), part.begin(), part.end());
  }
  if (shards_per_part.size() > 1) PythonRandom(seed).Shuffle(order);
  return order;
}

}  // namespace vitok
