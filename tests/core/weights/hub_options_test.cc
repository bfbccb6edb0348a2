#include "core/weights/hub_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using testing::HasSubstr;

absl::StatusOr<HubOptions> Read(const std::map<std::string, std::string>& variables) {
  return HubOptionsFromEnvironment([&variables](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(HubOptionsTest, CacheIsWhereTheFirstVariableSays) {
  std::map<std::string, std::string> variables = {{"HOME", "/home/me"}};
  EXPECT_EQ(Read(variables)->cache_folder, "/home/me/.cache/huggingface/hub");
  variables["XDG_CACHE_HOME"] = "/xdg";
  EXPECT_EQ(Read(variables)->cache_folder, "/xdg/huggingface/hub");
  variables["HF_HOME"] = "~/hf";
  EXPECT_EQ(Read(variables)->cache_folder, "/home/me/hf/hub");
  variables["HUGGINGFACE_HUB_CACHE"] = "/older";
  EXPECT_EQ(Read(variables)->cache_folder, "/older");
  variables["HF_HUB_CACHE"] = "/newer";
  EXPECT_EQ(Read(variables)->cache_folder, "/newer");
  EXPECT_THAT(std::string(Read({}).status().message()), HasSubstr("HF_HUB_CACHE"));
}

TEST(HubOptionsTest, TokenIsThatOfTheFirstSource) {
  const TempFolder folder;
  WriteTextFile(folder / "token", "from-home\n");
  WriteTextFile(folder / "mine", " from-path \n");
  std::map<std::string, std::string> variables = {{"HF_HOME", folder / ""}};
  EXPECT_EQ(Read(variables)->token, "from-home");
  variables["HF_TOKEN_PATH"] = folder / "mine";
  EXPECT_EQ(Read(variables)->token, "from-path");
  variables["HUGGING_FACE_HUB_TOKEN"] = "older";
  EXPECT_EQ(Read(variables)->token, "older");
  variables["HF_TOKEN"] = "newer\n";
  EXPECT_EQ(Read(variables)->token, "newer");
  variables["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1";
  EXPECT_EQ(Read(variables)->token, "");
  variables.erase("HF_HUB_DISABLE_IMPLICIT_TOKEN");
  variables["HF_TOKEN"] = "two\r\nlines";
  EXPECT_THAT(std::string(Read(variables).status().message()), HasSubstr("HF_TOKEN must hold a token"));
}

TEST(HubOptionsTest, OthersHaveTheDefaultsOfTheHubsLibrary) {
  const HubOptions options = *Read({{"HOME", "/h"}});
  EXPECT_EQ(options.endpoint, kDefaultHubEndpoint);
  EXPECT_EQ(options.token, "");
  EXPECT_FALSE(options.offline);
  EXPECT_EQ(options.etag_timeout, absl::Seconds(10));
  EXPECT_EQ(options.download_timeout, absl::Seconds(10));
}

TEST(HubOptionsTest, OthersAreRead) {
  std::map<std::string, std::string> variables = {{"HOME", "/h"},
                                                  {"HF_ENDPOINT", "http://mirror:8080/"},
                                                  {"HF_HUB_ETAG_TIMEOUT", "3"},
                                                  {"HF_HUB_DOWNLOAD_TIMEOUT", "0.5"},
                                                  {"TRANSFORMERS_OFFLINE", "yes"}};
  const HubOptions options = *Read(variables);
  EXPECT_EQ(options.endpoint, "http://mirror:8080");
  EXPECT_EQ(options.etag_timeout, absl::Seconds(3));
  EXPECT_EQ(options.download_timeout, absl::Milliseconds(500));
  EXPECT_TRUE(options.offline);
  EXPECT_TRUE(Read({{"HOME", "/h"}, {"HF_HUB_OFFLINE", "1"}})->offline);
  EXPECT_FALSE(Read({{"HOME", "/h"}, {"HF_HUB_OFFLINE", "0"}})->offline);
}

TEST(HubOptionsTest, ValuesThatCannotBeUsedAreNamed) {
  for (const auto& [name, value] : std::map<std::string, std::string>{
           {"HF_HUB_ETAG_TIMEOUT", "soon"}, {"HF_HUB_DOWNLOAD_TIMEOUT", "0"}, {"HF_ENDPOINT", "ftp://mirror"}}) {
    const absl::Status status = Read({{"HOME", "/h"}, {name, value}}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::AllOf(HasSubstr(name), HasSubstr(value)));
  }
}

}  // namespace
}  // namespace vitok
