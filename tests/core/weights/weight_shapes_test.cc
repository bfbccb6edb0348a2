#include "core/weights/weight_shapes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(NormalizeWeightNameTest, KeepsPublishedNames) {
  for (const char* name :
       {"patch_embed.weight", "encoder_blocks.0.norm1.weight", "decoder_blocks.11.layer_scale.gamma", "encoder.weight",
        "encoder", "decoder.", "encoder.x1.weight", "encoders.1.w", "my.encoder.1.w", ""}) {
    EXPECT_EQ(NormalizeWeightName(name), name);
  }
}

TEST(NormalizeWeightNameTest, DropsTheMarksOfCompiledModules) {
  EXPECT_EQ(NormalizeWeightName("_orig_mod.to_code.bias"), "to_code.bias");
  EXPECT_EQ(NormalizeWeightName("encoder_blocks.3._orig_mod.ffn.fc1.weight"), "encoder_blocks.3.ffn.fc1.weight");
}

TEST(NormalizeWeightNameTest, RenamesOlderBlockNames) {
  EXPECT_EQ(NormalizeWeightName("encoder.0.norm1.weight"), "encoder_blocks.0.norm1.weight");
  EXPECT_EQ(NormalizeWeightName("_orig_mod.decoder.23.ffn.fc2.weight"), "decoder_blocks.23.ffn.fc2.weight");
}

std::string Bytes(const std::vector<std::string>& names) {
  std::map<std::string, TensorView> tensors;
  for (const std::string& name : names) tensors[name] = {DType::kUint8, {2}, "xy"};
  return *SerializeSafetensors(tensors);
}

TEST(ReadShapesTest, CollectsTheFilesUnderNormalNames) {
  const std::string first_bytes = Bytes({"_orig_mod.a"}), second_bytes = Bytes({"encoder.1.b"});
  const auto first = SafetensorsFile::Parse(first_bytes, "first"),
             second = SafetensorsFile::Parse(second_bytes, "second");
  const auto shapes = ReadShapes({first->get(), second->get()});
  ASSERT_TRUE(shapes.ok()) << shapes.status();
  EXPECT_EQ(*shapes, (ShapeMap{{"a", {2}}, {"encoder_blocks.1.b", {2}}}));
}

TEST(ReadShapesTest, RefusesANameThatOccursTwice) {
  const std::string first_bytes = Bytes({"a"}), second_bytes = Bytes({"_orig_mod.a"});
  const auto first = SafetensorsFile::Parse(first_bytes, "first"),
             second = SafetensorsFile::Parse(second_bytes, "second");
  const absl::Status status = ReadShapes({first->get(), second->get()}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "weight 'a' occurs twice: in first and as '_orig_mod.a' in second");

  const std::string twice_bytes = Bytes({"a", "_orig_mod.a"});
  const auto twice = SafetensorsFile::Parse(twice_bytes, "twice");
  EXPECT_EQ(ReadShapes({twice->get()}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CheckWeightsTest, AcceptsEqualMaps) {
  EXPECT_TRUE(CheckWeights({}, {}).ok());
  EXPECT_TRUE(CheckWeights({{"a", {1, 2}}, {"b", {}}}, {{"a", {1, 2}}, {"b", {}}}).ok());
}

TEST(CheckWeightsTest, ListsEveryDifferenceAtOnce) {
  const absl::Status status =
      CheckWeights({{"kept", {1}}, {"gone", {2, 3}}, {"lost", {4}}, {"flat", {6}}, {"tall", {2}}},
                   {{"kept", {1}}, {"flat", {2, 3}}, {"tall", {3}}, {"new", {5}}, {"odd\n", {}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "weights do not fit the model: 2 missing: gone [2, 3], lost [4]; 2 unexpected: 'new' [5], 'odd\\n' []; "
            "2 of the wrong shape: flat (must be [6], was [2, 3]), tall (must be [2], was [3])");
}

TEST(CheckWeightsTest, LeavesOutKindsThatDoNotOccur) {
  const absl::Status status = CheckWeights({{"a", {1}}}, {});
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("1 missing: a [1]"), Not(HasSubstr("unexpected"))));
}

}  // namespace
}  // namespace vitok
