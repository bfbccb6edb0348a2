#include "server/security/file_watch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "tests/support/eventually.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(1);

class FileWatchTest : public ::testing::Test {
 protected:
  std::function<void()> Count() {
    return [this] { ++changes_; };
  }

  TempFolder folder_;
  const std::string path_ = WriteTextFile(folder_ / "a", "1");
  std::atomic<int> changes_{0};
};

TEST_F(FileWatchTest, TellsOfAReplacedFileAnAppendedAndARemovedOne) {
  FileWatch watch({path_}, kInterval);
  watch.Start(Count());
  WriteTextFile(path_, "2");  // same size, perhaps within the same tick of the file system's clock
  EXPECT_TRUE(Eventually([&] { return changes_ >= 1; }));
  const int replaced = changes_;
  std::ofstream(path_, std::ios::app) << "3";
  EXPECT_TRUE(Eventually([&] { return changes_ > replaced; }));
  const int appended = changes_;
  std::filesystem::remove(path_);
  EXPECT_TRUE(Eventually([&] { return changes_ > appended; }));
}

TEST_F(FileWatchTest, MissesNoChangeBetweenConstructionAndStart) {
  FileWatch watch({path_}, kInterval);
  WriteTextFile(path_, "2");
  watch.Start(Count());
  EXPECT_TRUE(Eventually([&] { return changes_ == 1; }));
}

TEST_F(FileWatchTest, FollowsALinkThatIsSwitchedToAnotherFolder) {
  std::filesystem::create_directory(folder_ / "v1");
  std::filesystem::create_directory(folder_ / "v2");
  WriteTextFile(folder_ / "v1/token", "1");
  WriteTextFile(folder_ / "v2/token", "2");
  std::filesystem::create_symlink("v1", folder_ / "current");
  FileWatch watch({folder_ / "current/token"}, kInterval);
  watch.Start(Count());
  std::filesystem::create_symlink("v2", folder_ / "next");
  std::filesystem::rename(folder_ / "next", folder_ / "current");
  EXPECT_TRUE(Eventually([&] { return changes_ == 1; }));
}

TEST_F(FileWatchTest, WatchesSeveralFiles) {
  const std::string other = WriteTextFile(folder_ / "b", "1");
  FileWatch watch({path_, other}, kInterval);
  watch.Start(Count());
  WriteTextFile(other, "2");
  EXPECT_TRUE(Eventually([&] { return changes_ == 1; }));
}

TEST_F(FileWatchTest, EndsAtOnceHoweverLongTheInterval) {
  FileWatch watch({path_}, absl::Hours(1));
  watch.Start(Count());
}

}  // namespace
}  // namespace vitok
