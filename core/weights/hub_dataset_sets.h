// Data sets of the hub as lists of Parquet files: those that have a name in the reference, and any other.
//
//   VITOK_ASSIGN_OR_RETURN(const HubDatasetSet set, FindHubDatasetSet("coco"));
//   VITOK_ASSIGN_OR_RETURN(const std::vector<std::string> files,
//                          ListHubParquetFiles(std::string(set.repository), set.config, set.split, options));
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/weights/hub_options.h"

namespace vitok {

// A split of a data set, and the column of its tables that holds the pictures.
struct HubDatasetSet {
  std::string_view name;        // "coco"
  std::string_view repository;  // "org/repo"
  std::string_view config;      // ""; see ListHubParquetFiles
  std::string_view split;       // "val"
  std::string_view picture_column;
};

// The sets of the reference's evaluation (vitok/data.py, HF_DATASETS), in its order.
absl::Span<const HubDatasetSet> HubDatasetSets();

// NOT_FOUND, with the list of names: there is none of this name.
absl::StatusOr<HubDatasetSet> FindHubDatasetSet(std::string_view name);

// The Parquet files of a split, in their order, as names that HubDatasetOpeners open. The hub makes them of data sets
// of any form and keeps them in a branch, refs/convert/parquet; of large data sets that have another form only the
// first 5 GB. `config` "": the one named "default", or the only one. NOT_FOUND, with the list of those that there are:
// no such config or split; or the hub has made no such files; FAILED_PRECONDITION: offline, several configs and none
// named, or what the hub answers is of no use; other errors of HubConnection. Messages name the data set.
absl::StatusOr<std::vector<std::string>> ListHubParquetFiles(const std::string& repository, std::string_view config,
                                                             std::string_view split, const HubOptions& options);

}  // namespace vitok
