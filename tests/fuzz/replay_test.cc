// Every fuzz target over its seeds and over the inputs that once broke it, in the ordinary build.
#include <gtest/gtest.h>

#include "core/base/str_cat.h"
#include "tests/fuzz/fuzz_target.h"

namespace vitok {
namespace {

class FuzzReplayTest : public testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzReplayTest, KeepsItsPromisesOnSeeds) {
  const std::vector<std::string> seeds = GetParam().seeds();
  EXPECT_FALSE(seeds.empty());
  for (size_t i = 0; i < seeds.size(); ++i) {
    EXPECT_NO_THROW(GetParam().run(seeds[i])) << "seed " << i;
  }
}

TEST_P(FuzzReplayTest, KeepsItsPromisesOnRegressions) {
  for (const std::string& path : FilesOf(StrCat("tests/fuzz/regressions/", GetParam().name))) {
    EXPECT_NO_THROW(GetParam().run(ReadFuzzFile(path))) << path;
  }
}

TEST_P(FuzzReplayTest, KeepsItsPromisesOnNothing) { EXPECT_NO_THROW(GetParam().run("")); }

INSTANTIATE_TEST_SUITE_P(All, FuzzReplayTest, testing::ValuesIn(FuzzTargets()),
                         [](const testing::TestParamInfo<FuzzTarget>& info) { return info.param.name; });

}  // namespace
}  // namespace vitok
