#include <gtest/gtest.h>

#include <string>

#include "core/base/yaml_config.h"
#include "core/base/yaml_reader.h"

namespace vitok {
namespace {

using nlohmann::ordered_json;

TEST(ToYamlTest, WritesBlocksInOrder) {
  ordered_json config;
  config["server"] = {{"listen", "127.0.0.1:8500"}, {"grace_s", 30.0}};
  config["models"] = ordered_json::array({{{"name", "tiny"}, {"folder", "models/tiny"}}, {{"name", "true"}}});
  config["empty"] = ordered_json::object();
  config["nested"] = {{1, 2}, ordered_json::array()};
  config["none"] = nullptr;
  EXPECT_EQ(ToYaml(config), R"(server:
  listen: "127.0.0.1:8500"
  grace_s: 30.0
models:
  - name: tiny
    folder: models/tiny
  - name: "true"
empty: {}
nested:
  - - 1
    - 2
  - []
none: null
)");
}

TEST(ToYamlTest, RoundTripsThroughTheReader) {
  ordered_json config;
  for (const char* text : {"",
                           " ",
                           "~",
                           "null",
                           "yes",
                           "1",
                           "1.0",
                           "1e5",
                           "0x1f",
                           ".inf",
                           "- a",
                           "a: b",
                           "a #b",
                           "#",
                           "*x",
                           "&x",
                           "!x",
                           "%x",
                           "@x",
                           "`x",
                           "'",
                           "\"",
                           "\\",
                           "a\nb",
                           "\t",
                           "\r\n",
                           "\x01\x7f",
                           "é",
                           "\xF0\x9F\x98\x80",
                           "\xE2\x80\xA8",
                           "{a}",
                           "[a]",
                           "a, b",
                           "-",
                           "---",
                           "...",
                           "|",
                           ">",
                           "?",
                           ":",
                           "=",
                           "<<",
                           "trailing "}) {
    config["strings"].push_back(text);
    config["keys"][text] = text;
  }
  config["numbers"] = {0, -1, 9007199254740993, 18446744073709551615u, 0.1, 1e-300, 1.5e300, -2.0, 100000000.0, 1e22};
  config["flags"] = {true, false, nullptr};
  const std::string yaml = ToYaml(config);
  const auto read = ParseYaml(yaml);
  ASSERT_TRUE(read.ok()) << read.status() << "\n" << yaml;
  EXPECT_EQ(*read, nlohmann::json(config)) << yaml;
  for (size_t i = 0; i < config["numbers"].size(); ++i) {
    EXPECT_EQ((*read)["numbers"][i].is_number_float(), config["numbers"][i].is_number_float()) << i;
  }
}

TEST(ToYamlTest, WritesScalarsAndEmptyMappings) {
  EXPECT_EQ(ToYaml(ordered_json::object()), "{}\n");
  EXPECT_EQ(ToYaml("word"), "word\n");
}

}  // namespace
}  // namespace vitok
