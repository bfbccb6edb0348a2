#include "core/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>
#include <set>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"

namespace vitok {
namespace {

TEST(ThreadPoolTest, RunsEveryJobBeforeItIsDestroyed) {
  std::atomic<int> sum = 0;
  {
    ThreadPool pool("test", 3);
    EXPECT_EQ(pool.num_threads(), 3);
    for (int i = 1; i <= 1000; ++i) pool.Schedule([&sum, i] { sum += i; });
  }
  EXPECT_EQ(sum, 500'500);
}

TEST(ThreadPoolTest, StartsJobsInOrder) {
  std::vector<int> order;
  {
    ThreadPool pool("test", 1);
    for (int i = 0; i < 100; ++i) pool.Schedule([&order, i] { order.push_back(i); });
  }
  std::vector<int> expected(100);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(order, expected);
}

TEST(ThreadPoolTest, RunsJobsAtTheSameTime) {
  // Each job waits for all others: with fewer than four running at once this would never end.
  auto* barrier = new absl::Barrier(4);
  ThreadPool pool("test", 4);
  for (int i = 0; i < 4; ++i) {
    pool.Schedule([barrier] {
      if (barrier->Block()) delete barrier;
    });
  }
}

TEST(ThreadPoolTest, RunsJobsThatRunningJobsSchedule) {
  std::atomic<int> runs = 0;
  {
    ThreadPool pool("test", 2);
    for (int i = 0; i < 10; ++i) {
      pool.Schedule([&pool, &runs] {
        ++runs;
        pool.Schedule([&runs] { ++runs; });
      });
    }
  }
  EXPECT_EQ(runs, 20);
}

TEST(ThreadPoolTest, RunsAJobScheduledWhileIdle) {
  ThreadPool pool("test", 2);
  for (int i = 0; i < 20; ++i) {
    absl::Notification done;
    pool.Schedule([&done] { done.Notify(); });
    done.WaitForNotification();
  }
}

TEST(ThreadPoolTest, TakesJobsThatOwnWhatTheyNeedAndReleasesIt) {
  const auto owned = std::make_shared<int>(1);
  {
    ThreadPool pool("test", 1);
    pool.Schedule([held = std::make_unique<std::shared_ptr<int>>(owned)] { EXPECT_EQ(**held, 1); });
  }
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(ThreadPoolTest, TakesJobsFromManyThreads) {
  std::atomic<int> runs = 0;
  {
    ThreadPool pool("test", 2);
    ThreadPool callers("test", 4);
    for (int i = 0; i < 200; ++i) {
      callers.Schedule([&] { pool.Schedule([&runs] { ++runs; }); });
    }
  }
  EXPECT_EQ(runs, 200);
}

}  // namespace
}  // namespace vitok
