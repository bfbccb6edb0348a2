#include "core/base/cpu_count.h"

#include <sched.h>

#include <filesystem>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "tests/support/temp_folder.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

class CgroupCpuQuotaTest : public testing::Test {
 protected:
  void Write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ / file).parent_path());
    WriteTextFile(root_ / file, text);
  }
  double Quota() const { return CgroupCpuQuota(root_ / ""); }

  TempFolder root_;
};

TEST_F(CgroupCpuQuotaTest, IsNoneWithoutControlGroups) { EXPECT_EQ(Quota(), 0); }

TEST_F(CgroupCpuQuotaTest, IsThatOfTheContainer) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(Quota(), 2.5);
}

TEST_F(CgroupCpuQuotaTest, IsNoneForMax) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), 0);
}

TEST_F(CgroupCpuQuotaTest, IsTheLeastOfAllGroupsAround) {
  Write("proc/self/cgroup", "0::/system.slice/vitok.service\n");
  Write("sys/fs/cgroup/system.slice/cpu.max", "400000 100000\n");
  Write("sys/fs/cgroup/system.slice/vitok.service/cpu.max", "800000 100000\n");
  EXPECT_EQ(Quota(), 4);
  Write("sys/fs/cgroup/system.slice/vitok.service/cpu.max", "150000 50000\n");
  EXPECT_EQ(Quota(), 3);
}

TEST_F(CgroupCpuQuotaTest, ReadsTheFirstVersion) {
  Write("proc/self/cgroup", "5:memory:/docker/1f\n4:cpu,cpuacct:/docker/1f\n3:cpuset:/\n");
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "350000\n");  // the container sees its own group as the tree
  Write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  Write("sys/fs/cgroup/cpuset/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(Quota(), 3.5);
  Write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(Quota(), 0);
}

TEST_F(CgroupCpuQuotaTest, IsNoneForWhatItCannotRead) {
  Write("proc/self/cgroup", "nonsense\n0::/a\n");
  Write("sys/fs/cgroup/a/cpu.max", "");
  EXPECT_EQ(Quota(), 0);
}

TEST(AvailableCpusTest, AreThoseOfTheAffinityMask) {
  int cpus = 0;
  std::thread([&cpus] {
    cpu_set_t mask;
    ASSERT_EQ(sched_getaffinity(0, sizeof(mask), &mask), 0);
    int first = 0;
    while (!CPU_ISSET(first, &mask)) ++first;
    CPU_ZERO(&mask);
    CPU_SET(first, &mask);
    ASSERT_EQ(sched_setaffinity(0, sizeof(mask), &mask), 0);
    cpus = AvailableCpus();
  }).join();
  EXPECT_EQ(cpus, 1);
  EXPECT_GE(AvailableCpus(), 1);
}

}  // namespace
}  // namespace vitok
