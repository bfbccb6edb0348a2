#include "server/tensor_convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/server/proto_tensors.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

TEST(TensorConvertTest, F6_RefusesBytesThatDoNotMatchTheShape) {
  const absl::Status status = CheckTensor("z", ProtoTensor(v1::DTYPE_FLOAT32, {2, 3}, std::string(20, 'x')));
  EXPECT_EQ(status.message(), "z.data must have 24 bytes for float32 [2, 3]; has 20");
  EXPECT_EQ(BlamedField(status), "z.data");
}

TEST(TensorConvertTest, F6_RefusesNegativeAndOverflowingShapes) {
  for (const auto& shape :
       {std::initializer_list<int64_t>{-1, 3}, {int64_t{1} << 62, 2}, {int64_t{1} << 32, int64_t{1} << 32}}) {
    const absl::Status status = CheckTensor("z", ProtoTensor(v1::DTYPE_UINT8, shape, ""));
    EXPECT_EQ(BlamedField(status), "z.shape") << status;
  }
  const int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(BlamedField(CheckTensor("z", ProtoTensor(v1::DTYPE_FLOAT32, {most}, ""))), "z.shape");
  // ATen computes with the other dimensions of an empty tensor, too.
  EXPECT_EQ(BlamedField(CheckTensor("z", ProtoTensor(v1::DTYPE_FLOAT32, {0, most, most}, ""))), "z.shape");
  EXPECT_TRUE(ViewTensor("z", ProtoTensor(v1::DTYPE_FLOAT32, {0, int64_t{1} << 30, int64_t{1} << 30}, "")).ok());
}

TEST(TensorConvertTest, F6_RefusesUnknownDTypes) {
  EXPECT_EQ(BlamedField(CheckTensor("z", ProtoTensor(v1::DTYPE_UNSPECIFIED, {0}, ""))), "z.dtype");
  EXPECT_EQ(BlamedField(CheckTensor("z", ProtoTensor(static_cast<v1::DType>(99), {0}, ""))), "z.dtype");
}

TEST(TensorConvertTest, CutsLongShapesInMessages) {
  v1::Tensor tensor = ProtoTensor(v1::DTYPE_UINT8, {}, "xx");
  for (int i = 0; i < 100000; ++i) tensor.add_shape(1);
  EXPECT_THAT(std::string(CheckTensor("z", tensor).message()), HasSubstr("[1, 1, 1, 1, 1, 1, 1, 1, ...]"));
}

TEST(TensorConvertTest, WritesWhatItReads) {
  const at::Tensor values = at::randn({3, 5}).t();  // not contiguous
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBfloat16}) {
    const v1::Tensor message = ToProtoTensor(values, dtype);
    const absl::StatusOr<at::Tensor> read = ViewFloats("z", message);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(at::equal(*read, values.to(read->scalar_type())));
  }
}

TEST(TensorConvertTest, CopiesALargeTensorOnlyIfItMust) {
  const at::Tensor whole = at::arange(6000, at::kFloat).view({2, 3000});
  v1::Tensor message;
  const WrittenValue shared = WriteLargeTensor(whole, DType::kFloat32, &message);
  EXPECT_EQ(shared.bytes.begin(), static_cast<const void*>(whole.const_data_ptr()));
  EXPECT_EQ(shared.copied_bytes, 0);
  const WrittenValue part = WriteLargeTensor(whole[1], DType::kFloat32, &message);
  EXPECT_EQ(part.copied_bytes, 12000);
  EXPECT_EQ(std::memcmp(part.bytes.begin(), whole[1].const_data_ptr(), part.bytes.size()), 0);
  EXPECT_EQ(WriteLargeTensor(whole, DType::kFloat16, &message).copied_bytes, 12000);
}

TEST(TensorConvertTest, ReadsIndicesOfBothWidths) {
  const v1::Tensor short_indices = ProtoIndices({1, 2, 3});
  const v1::Tensor long_indices = ProtoLongIndices({1, 2, 3});
  EXPECT_TRUE(at::equal(*ReadIndices("row_idx", short_indices, 3), *ReadIndices("row_idx", long_indices, 3)));
  EXPECT_EQ(BlamedField(ReadIndices("row_idx", short_indices, 4).status()), "row_idx.shape");
  EXPECT_EQ(BlamedField(ReadIndices("row_idx", ProtoTensor(v1::DTYPE_UINT8, {1}, "x"), 1).status()), "row_idx.dtype");
  const v1::Tensor huge = ProtoLongIndices({0, int64_t{1} << 32});
  EXPECT_EQ(ReadIndices("row_idx", huge, 2).status().message(),
            "row_idx[1] must be between 0 and 2147483647; was 4294967296");
}

TEST(TensorConvertTest, F8_FindsNonfiniteValuesInEveryFloatType) {
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const at::Tensor values = at::tensor({-1.0F, 0.0F, 60000.0F, 1e-7F}).to(type);
    EXPECT_TRUE(AllFinite(values));
    for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
      const at::Tensor broken = values.clone();
      broken[2] = bad;
      EXPECT_FALSE(AllFinite(broken)) << type << " " << bad;
      EXPECT_TRUE(AllFinite(broken.slice(0, 0, 4, 3)));  // strides are respected
    }
  }
}

}  // namespace
}  // namespace vitok
