#include "core/image/source/parquet_plugin.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/core/image/source/source_fixture.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class ParquetPluginTest : public testing::Test {
 protected:
  absl::Status OpenWith(const std::string& plugin) const {
    return OpenImageSource(parquet_, {.parquet_plugin = plugin}).status();
  }

  const TempFolder folder_;
  const std::string parquet_ = WriteBytes(folder_ / "a.parquet", MakeParquetShard("a", 3));
};

TEST_F(ParquetPluginTest, LiesBesideThePrograms) {
  EXPECT_TRUE(DefaultParquetPluginPath().ends_with("/lib/libvitok_parquet.so")) << DefaultParquetPluginPath();
  const auto plugin = LoadParquetPlugin(DefaultParquetPluginPath());
  ASSERT_TRUE(plugin.ok()) << plugin.status();
  EXPECT_EQ((*plugin)->version, kParquetPluginVersion);
  EXPECT_EQ(*LoadParquetPlugin(DefaultParquetPluginPath()), *plugin);
}

TEST_F(ParquetPluginTest, KeepsItsLibrariesToItself) {
  ASSERT_TRUE(OpenWith("").ok());
  EXPECT_EQ(dlsym(RTLD_DEFAULT, kParquetPluginFunction), nullptr);
}

TEST_F(ParquetPluginTest, IsMissedOnlyForParquet) {
  WriteBytes(folder_ / "a.tar", MakeShard("t", 1));
  EXPECT_THAT(Epoch(*Open(folder_ / "a.tar", {.parquet_plugin = "/nowhere/x.so"})), ElementsAre("t0"));
  const absl::Status status = OpenWith("/nowhere/x.so");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("'/nowhere/x.so'"), HasSubstr("is not there"), HasSubstr("make setup")));
}

TEST_F(ParquetPluginTest, RefusesOtherVersions) {
  const absl::Status status = OpenWith(VITOK_OTHER_PLUGIN);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(VITOK_OTHER_PLUGIN), HasSubstr(StrCat("is of version ", kParquetPluginVersion + 1)),
                    HasSubstr(StrCat("needs version ", kParquetPluginVersion))));
}

TEST_F(ParquetPluginTest, RefusesWhatIsNoPlugin) {
  const absl::Status text = OpenWith(WriteBytes(folder_ / "text.so", "no library"));
  EXPECT_EQ(text.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(text.message()), AllOf(HasSubstr(folder_ / "text.so"), HasSubstr("cannot be loaded")));
  Dl_info library = {};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&std::fopen), &library), 0);
  const absl::Status other = OpenWith(library.dli_fname);
  EXPECT_EQ(other.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(other.message()), HasSubstr("has no function vitok_parquet_plugin"));
}

}  // namespace
}  // namespace vitok
