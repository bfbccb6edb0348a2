#include "core/weights/weight_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/weights/safetensors_bytes.h"

namespace vitok {
namespace {

using testing::HasSubstr;

TEST(CopyToTensorTest, CopiesValuesAndShape) {
  const at::Tensor expected = at::arange(6, at::kFloat).view({2, 3});
  const at::Tensor copy = CopyToTensor(ViewOf(expected));
  EXPECT_TRUE(at::equal(copy, expected));
  EXPECT_NE(copy.const_data_ptr(), expected.const_data_ptr());
}

TEST(CopyToTensorTest, RoundTripsEveryDType) {
  for (const at::ScalarType type : {at::kBool, at::kByte, at::kInt, at::kLong, at::kHalf, at::kBFloat16, at::kFloat}) {
    const at::Tensor expected = at::arange(2, at::kFloat).to(type);
    const at::Tensor copy = CopyToTensor(ViewOf(expected));
    EXPECT_EQ(copy.scalar_type(), type);
    EXPECT_TRUE(at::equal(copy, expected)) << type;
  }
}

TEST(CopyToTensorTest, ReadsScalarsAndEmptyTensors) {
  const at::Tensor scalar = CopyToTensor({DType::kInt32, {}, std::string_view("\5\0\0\0", 4)});
  EXPECT_EQ(scalar.dim(), 0);
  EXPECT_EQ(scalar.item<int32_t>(), 5);
  EXPECT_EQ(CopyToTensor({DType::kFloat32, {0, 3}, {}}).sizes(), at::IntArrayRef({0, 3}));
}

TEST(CopyToTensorTest, ReadsUnalignedBytes) {
  const std::string bytes("x\0\0\x80\x3f", 5);
  EXPECT_EQ(CopyToTensor({DType::kFloat32, {1}, std::string_view(bytes).substr(1)}).item<float>(), 1.0F);
}

TEST(CopyToTensorTest, TakesAnyNonZeroByteForTrue) {
  const at::Tensor flags = CopyToTensor({DType::kBool, {3}, std::string_view("\0\1\x82", 3)});
  EXPECT_TRUE(at::equal(flags.to(at::kInt), at::tensor({0, 1, 1}, at::kInt)));
}

class LoadWeightsTest : public testing::Test {
 protected:
  const SafetensorsFile* AddFile(const std::map<std::string, at::Tensor>& tensors, const std::string& name) {
    std::map<std::string, TensorView> views;
    for (const auto& [tensor_name, tensor] : tensors) views.emplace(tensor_name, ViewOf(tensor));
    bytes_.push_back(std::make_unique<std::string>(*SerializeSafetensors(views)));
    files_.push_back(*SafetensorsFile::Parse(*bytes_.back(), name));
    return files_.back().get();
  }

  std::vector<std::unique_ptr<std::string>> bytes_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
};

TEST_F(LoadWeightsTest, ConvertsAndRenames) {
  const at::Tensor a = at::tensor({1.0F, 1.00390625F}), b = at::tensor({0.5F}).to(at::kBFloat16);
  const auto weights =
      LoadWeights({AddFile({{"_orig_mod.encoder.0.w", a}}, "a"), AddFile({{"b", b}}, "b")}, at::kBFloat16);
  ASSERT_TRUE(weights.ok()) << weights.status();
  ASSERT_EQ(weights->size(), 2);
  EXPECT_TRUE(at::equal(weights->at("encoder_blocks.0.w"), a.to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(weights->at("b"), b));
  const auto in_float = LoadWeights({files_[1].get()}, at::kFloat);
  EXPECT_TRUE(at::equal(in_float->at("b"), at::tensor({0.5F})));
}

TEST_F(LoadWeightsTest, NeedsTheFilesNoLonger) {
  const auto weights = LoadWeights({AddFile({{"w", at::tensor({3.0F})}}, "w")}, at::kFloat);
  files_.clear();
  bytes_.clear();
  EXPECT_EQ(weights->at("w").item<float>(), 3.0F);
}

TEST_F(LoadWeightsTest, RefusesANameThatOccursTwice) {
  const at::Tensor w = at::ones({1});
  const absl::Status status =
      LoadWeights({AddFile({{"w", w}}, "one"), AddFile({{"_orig_mod.w", w}}, "two")}, at::kFloat).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'w' occurs twice"));
}

TEST_F(LoadWeightsTest, RefusesWeightsThatAreNoFloats) {
  const absl::Status status =
      LoadWeights({AddFile({{"steps", at::ones({1}, at::kLong)}}, "file")}, at::kFloat).status();
  EXPECT_EQ(status.message(), "file: weight 'steps' must be floating-point; was int64");
}

}  // namespace
}  // namespace vitok
