#include "server/lifecycle/host_memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

class HostMemoryTest : public ::testing::Test {
 protected:
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder_ / path).parent_path());
    WriteTextFile(folder_ / path, text);
  }
  int64_t Free() const { return FreeHostMemory(folder_ / ""); }

  TempFolder folder_;
};

TEST_F(HostMemoryTest, OfThisMachineIsSomethingSensible) {
  EXPECT_GT(FreeHostMemory(), 1 << 20);
  EXPECT_LT(FreeHostMemory(), int64_t{1} << 50);
}

TEST_F(HostMemoryTest, IsWhatTheKernelCallsAvailable) {
  EXPECT_EQ(Free(), std::numeric_limits<int64_t>::max()) << "nothing is told";
  Write("proc/meminfo", "MemTotal:  100 kB\nMemAvailable:   70 kB\n");
  EXPECT_EQ(Free(), 70 * 1024);
}

TEST_F(HostMemoryTest, IsLessInAGroupWithALimit) {
  Write("proc/meminfo", "MemAvailable: 1000 kB\n");
  Write("proc/self/cgroup", "0::/pod/container\n");
  Write("sys/fs/cgroup/pod/container/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/container/memory.current", "50000\n");
  EXPECT_EQ(Free(), 1000 * 1024) << "no limit";
  Write("sys/fs/cgroup/pod/memory.max", "100000\n");
  Write("sys/fs/cgroup/pod/memory.current", "60000\n");
  EXPECT_EQ(Free(), 40000) << "of the group around it";
  Write("sys/fs/cgroup/pod/memory.stat", "anon 1\ninactive_file 20000\n");
  EXPECT_EQ(Free(), 60000) << "the kernel would drop pages of files";
  Write("sys/fs/cgroup/pod/memory.max", "10\n");
  Write("sys/fs/cgroup/pod/memory.stat", "inactive_file 0\n");
  EXPECT_EQ(Free(), 0) << "never less";
}

TEST_F(HostMemoryTest, KnowsTheOlderGroups) {
  Write("proc/self/cgroup", "5:cpu:/x\n4:memory:/docker/1\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n");
  Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n");
  Write("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 500\n");
  EXPECT_EQ(Free(), 2500);
}

}  // namespace
}  // namespace vitok
