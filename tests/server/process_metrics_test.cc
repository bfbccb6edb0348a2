#include "server/process_metrics.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vitok {
namespace {

TEST(ProcessMetricsTest, ReadsThisProcess) {
  const std::optional<ProcessStats> stats = ReadProcessStats();
  ASSERT_TRUE(stats.has_value());
  EXPECT_GT(stats->resident_bytes, 1 << 20);
  EXPECT_GE(stats->virtual_bytes, stats->resident_bytes);
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_LE(stats->start_time_seconds, now + 1);
  EXPECT_GT(stats->start_time_seconds, now - 3600);
}

TEST(ProcessMetricsTest, CountsThreads) {
  const int64_t before = ReadProcessStats()->threads;
  absl::Notification stop;
  std::thread thread([&stop] { stop.WaitForNotification(); });
  EXPECT_EQ(ReadProcessStats()->threads, before + 1);
  stop.Notify();
  thread.join();
}

TEST(ProcessMetricsTest, CountsOpenFiles) {
  const int64_t before = CountOpenFiles().value();
  const int fd = open("/dev/null", O_RDONLY);
  EXPECT_EQ(CountOpenFiles(), before + 1);
  close(fd);
  EXPECT_EQ(CountOpenFiles(), before);
}

}  // namespace
}  // namespace vitok
