// How data is named: "a/{0000..0099}.tar,b/*.tar" and "photos=0.3,shards/=0.7" (docs/DATA.md).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace vitok {

// One of the comma-separated parts of a data source's name.
struct NamedPart {
  std::string pattern;           // may have braces and, if it is a path, wildcards
  std::optional<double> weight;  // of "pattern=weight"
};

// Splits at the commas outside braces; empty parts are left out. INVALID_ARGUMENT: nothing is named; a weight that is
// not positive and finite; weights at some parts only.
absl::StatusOr<std::vector<NamedPart>> SplitSourceName(std::string_view name);

// Most names that one pattern may stand for.
inline constexpr int64_t kMaxExpandedNames = 1'000'000;

// "x-{08..11}.tar" and "{train,val}.tar": every combination of all braces, the last one fastest. Numbers are padded
// with zeros to the width of the first. INVALID_ARGUMENT: braces without end or sense, a range that falls, more than
// kMaxExpandedNames names.
absl::StatusOr<std::vector<std::string>> ExpandBraces(std::string_view pattern);

// The names of a pattern: braces expanded; of paths also wildcards (* ? [abc], sorted by name), and a folder stands for
// the files *.tar in it, or, if there are none, the files *.parquet, sorted. NOT_FOUND names a path that is not there,
// a wildcard without a match, a folder without shards.
absl::StatusOr<std::vector<std::string>> ExpandShardPattern(std::string_view pattern);

// Whether a shard of that name is a parquet file; all others are tar archives.
inline bool IsParquetName(std::string_view name) { return name.ends_with(".parquet"); }

// The order in which the reference reads shards: each part shuffled with the seed, and, if there are several, all of
// them once more. Python's order.
std::vector<int64_t> ShuffleShards(const std::vector<int64_t>& shards_per_part, uint64_t seed);

}  // namespace vitok
