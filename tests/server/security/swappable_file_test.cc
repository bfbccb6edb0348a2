#include "server/security/swappable_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

namespace vitok {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

time_t ModifiedSeconds(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0);
  return info.st_mtime;
}

TEST(SwappableFileTest, ShowsItsContentsUnderOnePath) {
  const auto file = SwappableFile::Create("first");
  ASSERT_TRUE(file.ok()) << file.status();
  const std::string path = (*file)->path();
  EXPECT_EQ(ReadAll(path), "first");
  const time_t modified = ModifiedSeconds(path);
  ASSERT_TRUE((*file)->Replace("and second").ok());
  EXPECT_EQ((*file)->path(), path);
  EXPECT_EQ(ReadAll(path), "and second");
  EXPECT_NE(ModifiedSeconds(path), modified);
}

TEST(SwappableFileTest, NeverShowsAMixture) {
  const std::string all_a(100'000, 'a'), all_b(70'000, 'b');
  const auto file = SwappableFile::Create(all_a);
  ASSERT_TRUE(file.ok()) << file.status();
  std::atomic<bool> done{false};
  std::thread reader([&, path = (*file)->path()] {
    while (!done) {
      const std::string seen = ReadAll(path);
      ASSERT_TRUE(seen == all_a || seen == all_b) << seen.size();
    }
  });
  for (int i = 0; i < 200; ++i) ASSERT_TRUE((*file)->Replace(i % 2 == 0 ? all_b : all_a).ok());
  done = true;
  reader.join();
}

}  // namespace
}  // namespace vitok
