#include "tests/core/image/source/parquet_bytes.h"

#include <algorithm>
#include <functional>

namespace vitok {
namespace {

// Thrift's compact protocol, in which Parquet writes what it says of its data.
class ThriftStruct {
 public:
  ThriftStruct& Int32(int id, int64_t value) { return Field(id, 5, Zigzag(value)); }
  ThriftStruct& Int64(int id, int64_t value) { return Field(id, 6, Zigzag(value)); }
  ThriftStruct& String(int id, const std::string& value) { return Field(id, 8, Sized(value)); }
  ThriftStruct& Struct(int id, const ThriftStruct& value) { return Field(id, 12, value.bytes()); }
  ThriftStruct& Structs(int id, const std::vector<ThriftStruct>& values) {
    std::string items;
    for (const ThriftStruct& value : values) items += value.bytes();
    return Field(id, 9, ListHead(values.size(), 12) + items);
  }
  ThriftStruct& Strings(int id, const std::vector<std::string>& values) {
    std::string items;
    for (const std::string& value : values) items += Sized(value);
    return Field(id, 9, ListHead(values.size(), 8) + items);
  }
  ThriftStruct& Int32s(int id, const std::vector<int64_t>& values) {
    std::string items;
    for (const int64_t value : values) items += Zigzag(value);
    return Field(id, 9, ListHead(values.size(), 5) + items);
  }
  std::string bytes() const { return fields_ + '\0'; }

  static std::string Varint(uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
    return bytes + static_cast<char>(value);
  }

 private:
  static std::string Zigzag(int64_t value) {
    return Varint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  static std::string Sized(const std::string& value) { return Varint(value.size()) + value; }
  static std::string ListHead(size_t size, int type) { return static_cast<char>(0xF0 | type) + Varint(size); }

  ThriftStruct& Field(int id, int type, const std::string& value) {
    fields_ += static_cast<char>((id - last_id_) << 4 | type);
    fields_ += value;
    last_id_ = id;
    return *this;
  }

  std::string fields_;
  int last_id_ = 0;
};

std::string LittleEndian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i));
  return text;
}

// A value of a column, as it lies in a page; nullopt is a null.
using Value = std::optional<std::string>;

struct TestColumn {
  std::vector<std::string> path;
  int type;               // Parquet's: 1 INT32, 2 INT64, 6 BYTE_ARRAY
  int definition_levels;  // 1, or 2 within a struct
  std::function<Value(const RowOfParquet&)> value;
};

std::string AsByteArray(const std::string& bytes) { return LittleEndian(bytes.size(), 4) + bytes; }

std::vector<TestColumn> Columns(const ParquetShape& shape) {
  const auto picture = [](const RowOfParquet& row) -> Value {
    return row.picture.has_value() ? Value(AsByteArray(*row.picture)) : std::nullopt;
  };
  const auto path = [](const RowOfParquet& row) -> Value { return AsByteArray(row.path); };
  constexpr int kInt32 = 1, kInt64 = 2, kByteArray = 6;
  std::vector<TestColumn> columns;
  if (shape.structs) {
    columns.push_back({{shape.picture_column, "bytes"}, kByteArray, 2, picture});
    columns.push_back({{shape.picture_column, "path"}, kByteArray, 2, path});
  } else {
    columns.push_back({{shape.picture_column}, kByteArray, 1, picture});
  }
  if (shape.label_column.empty()) return columns;
  const bool is_wide = shape.label == ParquetShape::Label::kInt64 || shape.label == ParquetShape::Label::kUint64;
  const auto label = [is_wide](const RowOfParquet& row) -> Value {
    return row.label.has_value() ? Value(LittleEndian(*row.label, is_wide ? 8 : 4)) : std::nullopt;
  };
  columns.push_back({{shape.label_column}, is_wide ? kInt64 : kInt32, 1, label});
  return columns;
}

std::vector<ThriftStruct> Schema(const std::vector<TestColumn>& columns, const ParquetShape& shape) {
  constexpr int kOptional = 1;
  const int64_t top_level = static_cast<int64_t>(columns.size()) - (shape.structs ? 1 : 0);
  std::vector<ThriftStruct> schema = {ThriftStruct().String(4, "schema").Int32(5, top_level)};
  if (shape.structs) schema.push_back(ThriftStruct().Int32(3, kOptional).String(4, shape.picture_column).Int32(5, 2));
  for (const TestColumn& column : columns) {
    schema.push_back(ThriftStruct().Int32(1, column.type).Int32(3, kOptional).String(4, column.path.back()));
  }
  constexpr int kDate = 6, kUint32 = 13, kUint64 = 14;
  if (shape.label == ParquetShape::Label::kDate) schema.back().Int32(6, kDate);
  if (shape.label == ParquetShape::Label::kUint32) schema.back().Int32(6, kUint32);
  if (shape.label == ParquetShape::Label::kUint64) schema.back().Int32(6, kUint64);
  return schema;
}

using Rows = std::vector<RowOfParquet>::const_iterator;

std::string MakePage(const TestColumn& column, Rows begin, Rows end, const ParquetShape& shape) {
  std::string levels, values;
  for (Rows row = begin; row != end; ++row) {
    const Value value = column.value(*row);
    levels += ThriftStruct::Varint(1 << 1);  // a run of one
    levels += static_cast<char>(value.has_value() ? column.definition_levels : 0);
    values += value.value_or("");
  }
  const std::string page = AsByteArray(levels) + values;
  const bool is_picture = column.path.front() == shape.picture_column && column.path.back() != "path";
  const auto stated = [&](int64_t value, int64_t truth) { return is_picture && value >= 0 ? value : truth; };
  const int64_t bytes = stated(shape.stated_page_bytes, static_cast<int64_t>(page.size()));
  constexpr int kPlain = 0, kRunLengths = 3;
  return ThriftStruct()
             .Int32(1, 0)
             .Int32(2, bytes)
             .Int32(3, bytes)
             .Struct(5, ThriftStruct()
                            .Int32(1, stated(shape.stated_page_values, end - begin))
                            .Int32(2, kPlain)
                            .Int32(3, kRunLengths)
                            .Int32(4, kRunLengths))
             .bytes() +
         page;
}

}  // namespace

std::string MakeParquet(const std::vector<RowOfParquet>& rows, const ParquetShape& shape) {
  const std::vector<TestColumn> columns = Columns(shape);
  std::string file = "PAR1";
  std::vector<ThriftStruct> groups;
  for (size_t first = 0; first < rows.size(); first += shape.rows_per_group) {
    const size_t last = std::min(rows.size(), first + shape.rows_per_group);
    std::vector<ThriftStruct> chunks;
    const size_t group_begin = file.size();
    for (const TestColumn& column : columns) {
      const auto begin = static_cast<int64_t>(file.size());
      for (size_t page = first; page < last; page += shape.rows_per_page) {
        const size_t page_end = std::min(last, page + shape.rows_per_page);
        file += MakePage(column, rows.begin() + static_cast<int64_t>(page),
                         rows.begin() + static_cast<int64_t>(page_end), shape);
      }
      const auto bytes = static_cast<int64_t>(file.size()) - begin;
      chunks.push_back(ThriftStruct().Int64(2, begin).Struct(3, ThriftStruct()
                                                                    .Int32(1, column.type)
                                                                    .Int32s(2, {0, 3})
                                                                    .Strings(3, column.path)
                                                                    .Int32(4, 0)
                                                                    .Int64(5, static_cast<int64_t>(last - first))
                                                                    .Int64(6, bytes)
                                                                    .Int64(7, bytes)
                                                                    .Int64(9, begin)));
    }
    const auto group_rows = static_cast<int64_t>(last - first);
    groups.push_back(ThriftStruct()
                         .Structs(1, chunks)
                         .Int64(2, static_cast<int64_t>(file.size() - group_begin))
                         .Int64(3, shape.stated_group_rows >= 0 ? shape.stated_group_rows : group_rows));
  }
  const std::string footer = ThriftStruct()
                                 .Int32(1, 2)
                                 .Structs(2, Schema(columns, shape))
                                 .Int64(3, static_cast<int64_t>(rows.size()))
                                 .Structs(4, groups)
                                 .bytes();
  return file + footer + LittleEndian(footer.size(), 4) + "PAR1";
}

}  // namespace vitok
