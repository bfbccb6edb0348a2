// A plug-in of a later version of the interface.
#include "core/image/source/parquet_reader.h"

extern "C" __attribute__((visibility("default"))) const vitok::ParquetPlugin* vitok_parquet_plugin() {
  static constexpr vitok::ParquetPlugin kPlugin = {vitok::kParquetPluginVersion + 1, nullptr};
  return &kPlugin;
}
