#include "core/image/source/parquet_sample_reader.h"

#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

std::string WithoutSuffix(const std::string& path) {
  const size_t slash = path.rfind('/');
  const size_t file = slash == std::string::npos ? 0 : slash + 1;
  const size_t dot = path.rfind('.');
  return dot == std::string::npos || dot <= file ? path : path.substr(0, dot);
}

}  // namespace

absl::StatusOr<std::optional<ShardSample>> ParquetSampleReader::Next(bool wanted) {
  if (row_ >= parquet_->num_rows()) return std::nullopt;
  ShardSample sample{.offset = row_++};
  if (!wanted) return sample;
  VITOK_ASSIGN_OR_RETURN(ParquetRow row, parquet_->Read(sample.offset));
  sample.key = row.path.empty() ? StrCat(sample.offset) : WithoutSuffix(row.path);
  sample.picture_name = StrCat("row ", sample.offset, row.path.empty() ? "" : ": ", row.path);
  sample.picture = std::move(row.picture);
  sample.label = row.label;
  sample.problem = std::move(row.problem);
  return sample;
}

std::optional<int64_t> ParquetSampleReader::NextOffset() const {
  if (row_ >= parquet_->num_rows()) return std::nullopt;
  return row_;
}

}  // namespace vitok
