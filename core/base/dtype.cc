#include "core/base/dtype.h"

#include <array>

namespace vitok {
namespace {

struct DTypeRow {
  DType dtype;
  int64_t bytes;
  std::string_view name;
  std::string_view short_name;
};

constexpr std::array<DTypeRow, 7> kDTypes = {{
    {DType::kBool, 1, "bool", "bool"},
    {DType::kUint8, 1, "uint8", "u8"},
    {DType::kInt32, 4, "int32", "i32"},
    {DType::kInt64, 8, "int64", "i64"},
    {DType::kFloat16, 2, "float16", "fp16"},
    {DType::kBfloat16, 2, "bfloat16", "bf16"},
    {DType::kFloat32, 4, "float32", "fp32"},
}};

const DTypeRow& Row(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }

}  // namespace

int64_t SizeInBytes(DType dtype) { return Row(dtype).bytes; }

std::string_view DTypeName(DType dtype) { return Row(dtype).name; }

std::optional<DType> ParseDType(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (name == row.name || name == row.short_name) return row.dtype;
  }
  return std::nullopt;
}

}  // namespace vitok
