// Names of files of data sets of the hub: "hf://org/repo/train/0000.tar". Asks nobody.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vitok {

// The scheme of the names.
inline constexpr char kHubScheme[] = "hf";

struct HubDatasetFile {
  std::string repository;         // "org/repo"
  std::string revision = "main";  // a branch, a tag, a commit, "refs/convert/parquet"
  std::string path;               // "train/0000.tar"

  bool operator==(const HubDatasetFile&) const = default;
};

// "hf://org/repo/path" or "hf://org/repo@revision/path", in which a '/' of the revision is written %2F. "datasets/" may
// stand in front of org, as in names of the hub's own library. INVALID_ARGUMENT: no such form. What it accepts is safe
// as a part of URLs.
absl::StatusOr<HubDatasetFile> ParseHubDatasetName(std::string_view name);

// The name that ParseHubDatasetName makes this file of.
std::string HubDatasetName(const HubDatasetFile& file);

}  // namespace vitok
