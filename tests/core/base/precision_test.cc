#include "core/base/precision.h"

#include <gtest/gtest.h>

namespace vitok {
namespace {

TEST(Precision, NamesAreReadBack) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16, Precision::kFp8}) {
    EXPECT_EQ(ParsePrecision(PrecisionName(precision)), precision);
  }
  EXPECT_EQ(ParsePrecision("bf16"), Precision::kBfloat16);
  EXPECT_EQ(ParsePrecision("fp32"), Precision::kFloat32);
  for (const char* name : {"", "float16", "int32", "FP8", "e4m3"})
    EXPECT_EQ(ParsePrecision(name), std::nullopt) << name;
}

TEST(Precision, Fp8StoresBfloat16) {
  EXPECT_EQ(StorageDType(Precision::kFloat32), DType::kFloat32);
  EXPECT_EQ(StorageDType(Precision::kBfloat16), DType::kBfloat16);
  EXPECT_EQ(StorageDType(Precision::kFp8), DType::kBfloat16);
}

}  // namespace
}  // namespace vitok
