// The library that reads parquet files, loaded when the first one is named.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/image/source/parquet_reader.h"

namespace vitok {

// Where the plug-in lies beside the running program: ../lib/libvitok_parquet.so from its folder.
std::string DefaultParquetPluginPath();

// Loads the plug-in and keeps it for as long as the process lives. UNIMPLEMENTED names the file that is not there, that
// cannot be loaded, or is of another version, and says how to get it. Thread-safe.
absl::StatusOr<const ParquetPlugin*> LoadParquetPlugin(const std::string& path);

}  // namespace vitok
