#include "core/image/source/source_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/str_cat.h"
#include "tests/core/image/source/tar_bytes.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> Expand(std::string_view pattern) {
  const auto names = ExpandBraces(pattern);
  return names.ok() ? *names : std::vector<std::string>{StrCat("error: ", std::string(names.status().message()))};
}

TEST(SourceNamesTest, ExpandsBraces) {
  EXPECT_THAT(Expand("a.tar"), ElementsAre("a.tar"));
  EXPECT_THAT(Expand("{0..2}"), ElementsAre("0", "1", "2"));
  EXPECT_THAT(Expand("x{08..11}.tar"), ElementsAre("x08.tar", "x09.tar", "x10.tar", "x11.tar"));
  EXPECT_THAT(Expand("x{8..10}"), ElementsAre("x8", "x9", "x10"));
  EXPECT_THAT(Expand("{a,b}-{00..01}{x,}"),
              ElementsAre("a-00x", "a-00", "a-01x", "a-01", "b-00x", "b-00", "b-01x", "b-01"));
}

TEST(SourceNamesTest, RefusesBracesWithoutSense) {
  for (const char* pattern :
       {"{0..", "{}", "{a}", "{1..a}", "{3..1}", "{-1..2}", "{0..99999999999999999999}", "{..}", "{0..9999999}"}) {
    EXPECT_THAT(Expand(pattern), ElementsAre(HasSubstr("error"))) << pattern;
  }
  EXPECT_THAT(Expand("{0..999}{0..999}{0..999}"), ElementsAre(HasSubstr("more than 1000000 names")));
}

TEST(SourceNamesTest, SplitsAtCommasOutsideBraces) {
  const auto parts = SplitSourceName(" a{x,y}, b ,,c");
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 3);
  EXPECT_EQ((*parts)[0].pattern, "a{x,y}");
  EXPECT_EQ((*parts)[1].pattern, "b");
  EXPECT_EQ((*parts)[2].weight, std::nullopt);
}

TEST(SourceNamesTest, ReadsWeights) {
  const auto parts = SplitSourceName("year=2020/a.tar=0.25,b=3e1");
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_EQ((*parts)[0].pattern, "year=2020/a.tar");
  EXPECT_EQ((*parts)[0].weight, 0.25);
  EXPECT_EQ((*parts)[1].weight, 30);
  EXPECT_EQ((*SplitSourceName("year=2020/a.tar"))[0].weight, std::nullopt);
  for (const char* name : {"a=1,b", "a=0", "a=-1", "a=inf", "a=nan", "=1", "", " , "}) {
    EXPECT_EQ(SplitSourceName(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(SourceNamesTest, ExpandsPathsSorted) {
  const TempFolder folder;
  for (const char* name : {"b.tar", "a.tar", "Z.tar", "[x].tar", "sub/c.tar", "a.txt"}) WriteBytes(folder / name, "");
  const auto expand = [&](const std::string& name) { return *ExpandShardPattern(folder / name); };
  EXPECT_THAT(expand("?.tar"), ElementsAre(folder / "Z.tar", folder / "a.tar", folder / "b.tar"));
  EXPECT_THAT(expand("{b,a}.tar"), ElementsAre(folder / "b.tar", folder / "a.tar"));
  EXPECT_THAT(expand("{sub/,}[a-c].tar"), ElementsAre(folder / "sub/c.tar", folder / "a.tar", folder / "b.tar"));
  EXPECT_THAT(expand("sub"), ElementsAre(folder / "sub/c.tar"));
  EXPECT_THAT(expand("[x].tar"), ElementsAre(folder / "[x].tar")) << "a file of that name comes before a wildcard";
  EXPECT_THAT(*ExpandShardPattern("hf://a/b*.tar"), ElementsAre("hf://a/b*.tar"));
}

}  // namespace
}  // namespace vitok
