// What the names and small members of a WebDataset shard mean, and which files are pictures: the rules of the
// webdataset library and of the reference's loaders (goldens/pp, kinds tar_key and decode_label).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vitok {

// The parts of a member's name: members in a row with the same key are one sample.
struct SampleName {
  std::string_view key;  // up to the first dot of the last component: "dir/a" of "dir/a.seg.png"
  std::string suffix;    // the rest in lower case: "seg.png"
};

// nullopt: a name without a key, which belongs to no sample ("noext", ".hidden").
std::optional<SampleName> SplitSampleName(std::string_view member_name);

// Whether the name begins with a component like __this__, which describes the data set.
bool IsMetaName(std::string_view member_name);

// Which picture of a sample is taken if it has several: the one of lowest rank; nullopt: the suffix ("jpg", in lower
// case) is not that of a picture.
std::optional<int> PictureRank(std::string_view suffix);

// Whether a file's name ends in one of the six suffixes of pictures, in any case.
bool HasPictureSuffix(std::string_view file_name);

inline constexpr int64_t kNoLabel = -1;

// The number in a member .cls or .cls.txt; blanks around it are ignored, nothing but blanks is kNoLabel.
// INVALID_ARGUMENT: text that is no integer of 64 bits.
absl::StatusOr<int64_t> ParseLabel(std::string_view text);

}  // namespace vitok
