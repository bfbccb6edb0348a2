// Which reader a shard's name asks for.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/image/image_source.h"
#include "core/image/source/shard_reader.h"

namespace vitok {

// Opens shards as the options say. If one of `shards` is a parquet file, the plug-in that reads them is loaded.
// UNIMPLEMENTED: that of LoadParquetPlugin.
absl::StatusOr<ShardOpener> MakeShardOpener(const std::vector<std::string>& shards, const ImageSourceOptions& options);

}  // namespace vitok
