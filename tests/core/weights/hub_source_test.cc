#include "core/weights/hub_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vitok {
namespace {

using testing::HasSubstr;

TEST(HubSourceTest, NineModelsArePublished) {
  EXPECT_EQ(PublishedModels().size(), 9);
  for (const PublishedModel& model : PublishedModels()) {
    const auto source = ParseHubSource(model.name);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ(source->repository, model.repository);
    EXPECT_EQ(source->revision, "main");
    EXPECT_EQ(source->published_name, model.name);
    EXPECT_THAT(source->repository, HasSubstr(std::string(model.name)));
  }
}

TEST(HubSourceTest, RevisionFollowsTheAtSign) {
  EXPECT_EQ(*ParseHubSource("org/repo"), (HubSource{"org/repo", "main", ""}));
  EXPECT_EQ(*ParseHubSource("org/repo@refs/pr/1"), (HubSource{"org/repo", "refs/pr/1", ""}));
  EXPECT_EQ(ParseHubSource("350M-f16x64@v1.0")->revision, "v1.0");
  EXPECT_EQ(ParseHubSource("350M-f16x64@v1.0")->published_name, "350M-f16x64");
}

TEST(HubSourceTest, UnknownNameGetsTheListOfThoseThatAre) {
  for (const char* name : {"350m-f16x64", "350M", ""}) {
    const absl::Status status = ParseHubSource(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << name;
    for (const PublishedModel& model : PublishedModels()) {
      EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(model.name)));
    }
  }
}

TEST(HubSourceTest, RefusesWhatIsNotSafeInPathsAndUrls) {
  for (const char* text : {"/repo", "org/", "org/repo/more", "../repo", "org/..", "org/.git", "org/a b", "org/a?b",
                           "org/a--b", "-org/repo", "org/repo@", "org/repo@../../x", "org/repo@/x", "org/repo@a//b",
                           "org/repo@x/", "org/repo@a b", "org/repo@.hidden", "org/repo@a\n", "org/repo@a%2e"}) {
    EXPECT_EQ(ParseHubSource(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_FALSE(ParseHubSource("org/repo@" + std::string(300, 'a')).ok());
}

TEST(HubSourceTest, CommitsAreFortyHexDigits) {
  EXPECT_TRUE(IsCommit(std::string(40, 'a')));
  EXPECT_FALSE(IsCommit(std::string(39, 'a')));
  EXPECT_FALSE(IsCommit(std::string(40, 'A')));
  EXPECT_FALSE(IsCommit(std::string(40, 'g')));
}

}  // namespace
}  // namespace vitok
