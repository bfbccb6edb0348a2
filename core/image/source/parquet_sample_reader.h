// Samples of a parquet file: its rows.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/image/source/parquet_reader.h"
#include "core/image/source/shard_reader.h"

namespace vitok {

// Offsets are rows. The key of a sample is the name of its picture without suffix, or else its row.
class ParquetSampleReader : public ShardReader {
 public:
  // `row`: of the first sample; at the end there is none.
  ParquetSampleReader(std::unique_ptr<ParquetReader> parquet, int64_t row) : parquet_(std::move(parquet)), row_(row) {}

  // Errors: those of ParquetReader.
  absl::StatusOr<std::optional<ShardSample>> Next(bool wanted) override;
  std::optional<int64_t> NextOffset() const override;

 private:
  const std::unique_ptr<ParquetReader> parquet_;
  int64_t row_;  // of the next sample
};

}  // namespace vitok
