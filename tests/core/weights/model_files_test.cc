#include "core/weights/model_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ModelFilesTest : public testing::Test {
 protected:
  std::string Add(const std::string& name, const std::string& text = "") { return WriteTextFile(folder_ / name, text); }
  absl::StatusOr<std::vector<std::string>> Find(WantedHalves wanted = {}) {
    return FindModelFiles(folder_ / "", wanted);
  }

  TempFolder folder_;
};

TEST_F(ModelFilesTest, TakesTheFirstFormThatIsThere) {
  EXPECT_EQ(Find().status().code(), absl::StatusCode::kNotFound);
  const std::string shard = Add("model-1.safetensors");
  Add("model.safetensors.index.json", R"({"weight_map": {"a": "model-1.safetensors", "b": "model-1.safetensors"}})");
  EXPECT_THAT(*Find(), ElementsAre(shard));
  const std::string merged = Add("model.safetensors");
  EXPECT_THAT(*Find(), ElementsAre(merged));
  const std::string decoder = Add("decoder.safetensors");
  EXPECT_THAT(*Find(), ElementsAre(decoder));
  EXPECT_THAT(*Find({.encoder = true, .decoder = false}), ElementsAre(merged));
  const std::string encoder = Add("encoder.safetensors");
  EXPECT_THAT(*Find(), ElementsAre(encoder, decoder));
  EXPECT_THAT(*Find({.encoder = true, .decoder = false}), ElementsAre(encoder));
  EXPECT_THAT(*Find({.encoder = false, .decoder = true}), ElementsAre(decoder));
}

TEST_F(ModelFilesTest, AFileIsAllOfTheModel) {
  const std::string file = Add("any.name");
  EXPECT_THAT(*FindModelFiles(file, {}), ElementsAre(file));
  EXPECT_EQ(FindModelFiles(folder_ / "none", {}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ModelFilesTest, NamesTheShardThatIsMissing) {
  Add("model.safetensors.index.json", R"({"weight_map": {"a": "model-1.safetensors"}})");
  EXPECT_EQ(Find().status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Find().status().message()), HasSubstr("model-1.safetensors, which is not there"));
}

TEST_F(ModelFilesTest, RefusesWhatIsNoIndex) {
  for (const char* text :
       {"", "[]", "{", "{}", R"({"weight_map": []})", R"({"weight_map": {}})", R"({"weight_map": {"a": 1}})",
        R"({"weight_map": {"a": "../x.safetensors"}})", R"({"weight_map": {"a": "/x.safetensors"}})",
        R"({"weight_map": {"a": "x.bin"}})", R"({"weight_map": {"a": ".safetensors"}})",
        R"({"weight_map": {"a": "a b.safetensors"}})", "{\"weight_map\": {\"\xff\": 0}}"}) {
    EXPECT_EQ(ParseShardIndex(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  const std::string deep = R"({"weight_map": )" + std::string(100'000, '[');
  EXPECT_EQ(ParseShardIndex(deep).status().code(), absl::StatusCode::kInvalidArgument);
  Add("model.safetensors.index.json", "{}");
  EXPECT_THAT(std::string(Find().status().message()), HasSubstr("index.json: an index must be"));
}

TEST_F(ModelFilesTest, ReadsTheNamesOfAnIndexOnceEach) {
  EXPECT_THAT(*ParseShardIndex(R"({"metadata": {"total_size": 3}, "weight_map": {"x": "b.safetensors",
      "y": "a.safetensors", "z": "b.safetensors"}})"),
              ElementsAre("a.safetensors", "b.safetensors"));
}

}  // namespace
}  // namespace vitok
