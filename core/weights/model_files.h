// The files that hold a model's weights: which there can be, and which a folder has. Free of torch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace vitok {

inline constexpr std::string_view kEncoderFile = "encoder.safetensors";
inline constexpr std::string_view kDecoderFile = "decoder.safetensors";
inline constexpr std::string_view kMergedFile = "model.safetensors";            // both halves
inline constexpr std::string_view kIndexFile = "model.safetensors.index.json";  // both halves, in several files

// Which halves of a model are wanted. At least one is.
struct WantedHalves {
  bool encoder = true;
  bool decoder = true;
};

// The files of `path` that hold the wanted halves, as paths: the encoder's and the decoder's (one is enough), else the
// merged one, else those that the index names. A path that is a file is a merged one. NOT_FOUND: no such path, none of
// these files, or one that the index names is not there; INVALID_ARGUMENT: the index is none.
absl::StatusOr<std::vector<std::string>> FindModelFiles(const std::string& path, WantedHalves wanted);

// The names of the files that an index (JSON with weight_map: weight to file) leads to, sorted. INVALID_ARGUMENT: it is
// no such index, names no file, or one outside its folder or not ending in .safetensors.
absl::StatusOr<std::vector<std::string>> ParseShardIndex(std::string_view json);

// The same for a file; also NOT_FOUND. Messages begin with the path.
absl::StatusOr<std::vector<std::string>> ReadShardIndex(const std::string& path);

}  // namespace vitok
