#include "server/security/small_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SmallFileTest, ReadsAllBytes) {
  const TempFolder folder;
  const std::string bytes("a\0b\n", 4);
  std::ofstream(folder / "x", std::ios::binary) << bytes;
  EXPECT_EQ(*ReadSmallFile(folder / "x"), bytes);
}

TEST(SmallFileTest, NamesPathAndReason) {
  const TempFolder folder;
  const absl::Status missing = ReadSmallFile(folder / "missing").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), folder / "missing" + ": No such file or directory");
  EXPECT_THAT(std::string(ReadSmallFile(folder / "").status().message()), HasSubstr("is no plain file"));
  std::ofstream(folder / "big") << std::string(kMaxSmallFileBytes + 1, 'x');
  EXPECT_THAT(std::string(ReadSmallFile(folder / "big").status().message()), HasSubstr("at most 1048576 bytes"));
}

TEST(SmallFileTest, DoesNotWaitForAPipe) {
  const TempFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadSmallFile(folder / "pipe").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace vitok
