#include "core/image/source/open_shard.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/source/parquet_plugin.h"
#include "core/image/source/parquet_sample_reader.h"
#include "core/image/source/source_names.h"
#include "core/image/source/tar_sample_reader.h"

namespace vitok {
namespace {

absl::StatusOr<std::unique_ptr<ShardReader>> OpenTar(const std::string& name, int64_t offset,
                                                     const ImageSourceOptions& options) {
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<ByteStream> stream, OpenStream(options.openers, name, offset));
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<TarReader> tar, TarReader::Open(name, std::move(stream), offset));
  return std::make_unique<TarSampleReader>(std::move(tar), options.max_file_bytes);
}

absl::StatusOr<std::unique_ptr<ShardReader>> OpenParquet(const ParquetPlugin& plugin, const std::string& name,
                                                         int64_t row, const ImageSourceOptions& options) {
  VITOK_ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file, OpenRandomAccessFile(options.file_openers, name));
  VITOK_ASSIGN_OR_RETURN(
      std::unique_ptr<ParquetReader> parquet,
      plugin.open(name, std::move(file),
                  {.picture_column = options.picture_column, .max_picture_bytes = options.max_file_bytes}));
  return std::make_unique<ParquetSampleReader>(std::move(parquet), row);
}

}  // namespace

absl::StatusOr<ShardOpener> MakeShardOpener(const std::vector<std::string>& shards, const ImageSourceOptions& options) {
  const ParquetPlugin* plugin = nullptr;
  if (std::ranges::any_of(shards, IsParquetName)) {
    const std::string& path = options.parquet_plugin;
    VITOK_ASSIGN_OR_RETURN(plugin, LoadParquetPlugin(path.empty() ? DefaultParquetPluginPath() : path));
  }
  return [options, plugin](const std::string& name, int64_t offset) {
    return IsParquetName(name) ? OpenParquet(*plugin, name, offset, options) : OpenTar(name, offset, options);
  };
}

}  // namespace vitok
