#include "core/base/yaml_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class ReadYamlFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "yaml_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "config.yaml";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<json> Read(const std::string& text) {
    std::ofstream(path_) << text;
    return ReadYamlFile(path_);
  }

  // The part of the error's message after "path:"; fails unless it is INVALID_ARGUMENT with that beginning.
  std::string Error(const std::string& text) {
    const absl::Status status = Read(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), StartsWith(path_ + ":"));
    return std::string(status.message().substr(std::min(status.message().size(), path_.size() + 1)));
  }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(ReadYamlFileTest, ReadsNestedBlocksAndFlowCollections) {
  const auto config = Read(R"(
# a comment
server:
  listen: 127.0.0.1:8500   # another
  shutdown_grace_s: 2.5
models:
  - name: tiny
    folder: models/tiny
    enabled: true
  - {name: other, dtype: bfloat16, window: ~}
empty_map: {}
empty_list: []
text: |
  two
  lines
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, json({{"server", {{"listen", "127.0.0.1:8500"}, {"shutdown_grace_s", 2.5}}},
                           {"models",
                            {{{"name", "tiny"}, {"folder", "models/tiny"}, {"enabled", true}},
                             {{"name", "other"}, {"dtype", "bfloat16"}, {"window", nullptr}}}},
                           {"empty_map", json::object()},
                           {"empty_list", json::array()},
                           {"text", "two\nlines\n"}}));
}

TEST_F(ReadYamlFileTest, KeepsQuotedScalarsStrings) {
  const auto config = Read("a: '1'\nb: \"true\"\nc: ''\nd: !!str 5\ne: \"null\"\n1: x\n'~': y\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, json({{"a", "1"}, {"b", "true"}, {"c", ""}, {"d", "5"}, {"e", "null"}, {"1", "x"}, {"~", "y"}}));
}

TEST_F(ReadYamlFileTest, ExpandsAliases) {
  const auto config = Read("a: &x {k: 1}\nb: *x\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(*config, json({{"a", {{"k", 1}}}, {"b", {{"k", 1}}}}));
}

TEST_F(ReadYamlFileTest, NamesLineAndColumnOfErrors) {
  EXPECT_THAT(Error("a: 1\nb: 2\na: 3\n"), "3:1: key 'a' occurs twice");
  EXPECT_THAT(Error("a:\n  x: 1\n  x: 2\n"), "3:3: key 'x' occurs twice");
  EXPECT_THAT(Error("a: 1\nb: [1, 2\n"), StartsWith("3:1: "));
  EXPECT_THAT(Error("a: 1\n\tb: 2\n"), StartsWith("2:"));
  EXPECT_THAT(Error("a: .inf\n"), "1:4: number must be finite; was .inf");
  EXPECT_THAT(Error("a: !!binary abc\n"), HasSubstr("1:4: tag 'tag:yaml.org,2002:binary' is not supported"));
  EXPECT_THAT(Error("? [a]\n: 1\n"), HasSubstr("key must be a scalar"));
  EXPECT_THAT(Error("a: *unknown\n"), StartsWith("1:4: "));
  EXPECT_THAT(Error("a: 1\n---\nb: 2\n"), HasSubstr("2:1: must hold one YAML document; another begins here"));
}

TEST_F(ReadYamlFileTest, RefusesWhatIsNotUtf8) {
  EXPECT_EQ(Error("a: b\nc: \"\xFF\"\n"), "2:4: value must be UTF-8");
  EXPECT_EQ(Error("\xC3: 1\n"), "1:1: key must be UTF-8");
}

TEST_F(ReadYamlFileTest, RefusesTextThatIsDocumentsWithoutEnd) {
  for (const char* text : {",", "]", "}", ", a: 1", "a: 1\n]"}) EXPECT_NE(Error(text), "") << text;
}

TEST_F(ReadYamlFileTest, DemandsAMappingAtTheTop) {
  EXPECT_THAT(Error(""), " must hold a mapping at the top; was null");
  EXPECT_THAT(Error("- a\n"), " must hold a mapping at the top; was array");
  EXPECT_THAT(Error("just text"), " must hold a mapping at the top; was string");
}

TEST_F(ReadYamlFileTest, BoundsWhatAliasesExpandTo) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    bomb += StrCat("a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) bomb += StrCat(j > 0 ? ", " : "", "*a", i - 1);
    bomb += "]\n";
  }
  EXPECT_THAT(Error(bomb), HasSubstr("must not exceed 100000 values, aliases expanded"));
}

TEST_F(ReadYamlFileTest, BoundsNesting) {
  EXPECT_THAT(Error("a: " + std::string(200, '[') + std::string(200, ']')), HasSubstr("nesting must not exceed 100"));
  EXPECT_FALSE(Read("a: " + std::string(100'000, '[')).ok());
  EXPECT_FALSE(Read("a: &a [*a]\n").ok());
}

TEST_F(ReadYamlFileTest, SaysWhyAFileCannotBeRead) {
  const absl::Status absent = ReadYamlFile(folder_ / "absent.yaml").status();
  EXPECT_EQ(absent.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(absent.message()), HasSubstr("absent.yaml"));
  EXPECT_EQ(ReadYamlFile(folder_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ApplyOverrideTest, SetsReplacesAndCreates) {
  json config = {{"server", {{"listen", "a"}}}, {"models", {{{"name", "m0"}}, {{"name", "m1"}}}}, {"none", nullptr}};
  ASSERT_TRUE(ApplyOverride("server.listen=unix:/run/v=1.sock", config).ok());
  ASSERT_TRUE(ApplyOverride("models.1.name=new", config).ok());
  ASSERT_TRUE(ApplyOverride("cpu.threads=4", config).ok());
  ASSERT_TRUE(ApplyOverride("none.deep.er=false", config).ok());
  ASSERT_TRUE(ApplyOverride("list=[1, {a: b}]", config).ok());
  ASSERT_TRUE(ApplyOverride("quoted='5'", config).ok());
  ASSERT_TRUE(ApplyOverride("empty=", config).ok());
  EXPECT_EQ(config, json({{"server", {{"listen", "unix:/run/v=1.sock"}}},
                          {"models", {{{"name", "m0"}}, {{"name", "new"}}}},
                          {"cpu", {{"threads", 4}}},
                          {"none", {{"deep", {{"er", false}}}}},
                          {"list", {1, {{"a", "b"}}}},
                          {"quoted", "5"},
                          {"empty", ""}}));
}

TEST(ApplyOverrideTest, RefusesWhatIsNotUtf8) {
  json config = json::object();
  for (const char* text : {"a\xFF=1", "a=\xFF"}) {
    const absl::Status status = ApplyOverride(text, config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\\xff"));
  }
}

TEST(ApplyOverrideTest, BoundsTheDepthOfItsPath) {
  json config = json::object();
  std::string path = "a";
  for (int i = 1; i < 100; ++i) path += ".a";
  EXPECT_TRUE(ApplyOverride(path + "=1", config).ok());
  EXPECT_THAT(std::string(ApplyOverride(path + ".a=1", config).message()),
              HasSubstr("its path must not exceed 100 keys; has 101"));
}

TEST(ApplyOverrideTest, NamesTheOverrideAndLeavesTheConfigAlone) {
  const json before = {{"scalar", 1}, {"list", {1, 2}}, {"map", {{"a", 1}}}};
  const std::pair<const char*, const char*> cases[] = {
      {"map.a", "must have the form path=value"},
      {"=1", "empty key"},
      {"map..a=1", "empty key"},
      {"map.=1", "empty key"},
      {"scalar.x=1", "'x' lies below a value that is no mapping"},
      {"map.a.b=1", "'b' lies below a value that is no mapping"},
      {"list.2=1", "'2' must be an index into a list of 2 values"},
      {"list.-1=1", "must be an index"},
      {"list.x=1", "must be an index"},
      {"map.a=[1", "value 1:"},
      {"map.a=- 1", "must be a scalar, a [list] or a {mapping}"},
      {"map.a=b: c", "must be a scalar, a [list] or a {mapping}"},
  };
  for (const auto& [text, message] : cases) {
    json config = before;
    const absl::Status status = ApplyOverride(text, config);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), StartsWith("override '" + std::string(text) + "': "));
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_EQ(config, before) << text;
  }
}

}  // namespace
}  // namespace vitok
