#include "core/base/dtype.h"

#include <gtest/gtest.h>

namespace vitok {
namespace {

struct Row {
  DType dtype;
  int64_t bytes;
  const char* name;
  const char* short_name;
};

const Row kRows[] = {{DType::kBool, 1, "bool", "bool"},       {DType::kUint8, 1, "uint8", "u8"},
                     {DType::kInt32, 4, "int32", "i32"},      {DType::kInt64, 8, "int64", "i64"},
                     {DType::kFloat16, 2, "float16", "fp16"}, {DType::kBfloat16, 2, "bfloat16", "bf16"},
                     {DType::kFloat32, 4, "float32", "fp32"}};

TEST(DTypeTest, KnowsSizeAndNamesOfEachType) {
  for (const Row& row : kRows) {
    EXPECT_EQ(SizeInBytes(row.dtype), row.bytes) << row.name;
    EXPECT_EQ(DTypeName(row.dtype), row.name);
    EXPECT_EQ(ParseDType(row.name), row.dtype);
    EXPECT_EQ(ParseDType(row.short_name), row.dtype);
  }
}

TEST(DTypeTest, RefusesOtherNames) {
  for (const char* name : {"", "F32", "Float32", "float", "float64", "float32 "}) {
    EXPECT_EQ(ParseDType(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace vitok
