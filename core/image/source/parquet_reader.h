// The rows of a parquet file that hold pictures, as libvitok_parquet.so gives them: the boundary of that plug-in. Its
// libraries, Arrow's, are large and few data sets need them, so nothing links them; core/image/source/parquet_plugin.h
// loads them. Both sides are built from one tree, by one compiler.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/byte_stream.h"
#include "core/image/source/sample_rules.h"

namespace vitok {

struct ParquetReadOptions {
  // The column with the pictures: of bytes, or a struct of `bytes` and, for their names, `path`.
  std::string picture_column;
  // Larger pictures are their rows' problem.
  int64_t max_picture_bytes = 0;
};

struct ParquetRow {
  std::string picture;
  std::string path;          // the picture's name; empty: none
  int64_t label = kNoLabel;  // of the first column of integers that is called label, labels or cls
  absl::Status problem;      // OK, or why the row cannot be used; NOT_FOUND: it has no picture
};

// Used by one thread at a time. After an error of Read every call may give one.
class ParquetReader {
 public:
  virtual ~ParquetReader() = default;

  virtual int64_t num_rows() const = 0;

  // Cheap for rows in rising order: pages of the file are read, and in memory, one at a time. DATA_LOSS (naming file
  // and row): damaged or cut off; RESOURCE_EXHAUSTED: needs more memory than kMaxParquetBytes; those of the file.
  // REQUIRES: 0 <= row < num_rows().
  virtual absl::StatusOr<ParquetRow> Read(int64_t row) = 0;
};

// Of memory that one reader takes: a page, compressed and not, with what belongs to the file.
inline constexpr int64_t kMaxParquetBytes = int64_t{2} << 30;

// What the plug-in exports, by the function kParquetPluginFunction of type ParquetPluginFunction.
struct ParquetPlugin {
  int version;  // kParquetPluginVersion; first in every version

  // Opens the file `name`. DATA_LOSS: no parquet file, or a damaged one; INVALID_ARGUMENT: it lacks the column of
  // pictures (naming those that it has); RESOURCE_EXHAUSTED; those of the file.
  absl::StatusOr<std::unique_ptr<ParquetReader>> (*open)(const std::string& name,
                                                         std::unique_ptr<RandomAccessFile> file,
                                                         const ParquetReadOptions& options);
};

// To be raised with every change of what is declared above.
inline constexpr int kParquetPluginVersion = 1;

using ParquetPluginFunction = const ParquetPlugin*();
inline constexpr const char* kParquetPluginFunction = "vitok_parquet_plugin";

}  // namespace vitok
