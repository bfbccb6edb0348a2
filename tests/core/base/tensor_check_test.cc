#include "core/base/tensor_check.h"

#include <gtest/gtest.h>

namespace vitok {
namespace {

TEST(CheckShapeTest, AcceptsEqualShapesAndAnySize) {
  EXPECT_TRUE(CheckShape("x", at::ones({2, 3}), {2, 3}).ok());
  EXPECT_TRUE(CheckShape("x", at::ones({2, 3}), {kAnySize, 3}).ok());
  EXPECT_TRUE(CheckShape("x", at::ones({0, 3}), {kAnySize, 3}).ok());
  EXPECT_TRUE(CheckShape("x", at::ones({}), {}).ok());
}

TEST(CheckShapeTest, NamesTensorAndBothShapes) {
  const absl::Status status = CheckShape("patches", at::ones({12, 32}), {kAnySize, 64});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "patches must have shape [*, 64]; was [12, 32]");
  EXPECT_FALSE(CheckShape("x", at::ones({2}), {2, 1}).ok());
  EXPECT_FALSE(CheckShape("x", at::ones({2, 1}), {2}).ok());
}

TEST(CheckDTypeTest, NamesTensorAndBothTypes) {
  EXPECT_TRUE(CheckDType("x", at::ones({1}, at::kBFloat16), DType::kBfloat16).ok());
  const absl::Status status = CheckDType("rows", at::ones({1}, at::kDouble), DType::kInt32);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "rows must have dtype int32; was Double");
}

TEST(ScalarTypeTest, RoundTripsEveryDType) {
  for (const DType dtype : {DType::kBool, DType::kUint8, DType::kInt32, DType::kInt64, DType::kFloat16,
                            DType::kBfloat16, DType::kFloat32}) {
    EXPECT_EQ(FromScalarType(ToScalarType(dtype)), dtype);
    EXPECT_EQ(at::elementSize(ToScalarType(dtype)), SizeInBytes(dtype));
  }
}

}  // namespace
}  // namespace vitok
