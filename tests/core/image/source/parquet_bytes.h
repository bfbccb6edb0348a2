// Parquet files made by hand, well-formed or not: plain values, one after the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vitok {

struct RowOfParquet {
  std::optional<std::string> picture;
  std::string path;
  std::optional<int64_t> label;
};

struct ParquetShape {
  std::string picture_column = "image";
  bool structs = true;                 // of bytes and path; false: the column is bytes
  std::string label_column = "label";  // empty: none
  enum class Label { kInt64, kInt32, kUint32, kUint64, kDate } label = Label::kInt64;
  int rows_per_group = 4;
  int rows_per_page = 2;
  int64_t stated_group_rows = -1;   // -1: as many as there are
  int64_t stated_page_values = -1;  // of pictures
  int64_t stated_page_bytes = -1;
};

std::string MakeParquet(const std::vector<RowOfParquet>& rows, const ParquetShape& shape = {});

}  // namespace vitok
