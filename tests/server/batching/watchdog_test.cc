#include "server/batching/watchdog.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"
#include "core/base/monotonic_clock.h"

namespace vitok {
namespace {

TEST(WatchdogTest, F16_BarksOnceWhenTheWorkDoesNotEnd) {
  Watchdog watchdog;
  for (int i = 0; i < 3; ++i) {
    std::atomic<int> barks{0};
    absl::Notification barked;
    watchdog.Arm(MonotonicNow(), [&] {
      ++barks;
      barked.Notify();
    });
    barked.WaitForNotification();
    EXPECT_FALSE(watchdog.Disarm());
    EXPECT_EQ(barks, 1);
  }
}

TEST(WatchdogTest, IsSilentAboutWorkThatEnds) {
  Watchdog watchdog;
  for (int i = 0; i < 1000; ++i) {
    watchdog.Arm(MonotonicNow() + absl::Hours(1), [] { ADD_FAILURE(); });
    EXPECT_TRUE(watchdog.Disarm());
  }
  watchdog.Arm(absl::InfiniteFuture(), [] { ADD_FAILURE(); });
  EXPECT_TRUE(watchdog.Disarm());
}

// The thread may still sleep until the limit of earlier work.
TEST(WatchdogTest, KeepsToTheLimitOfTheWorkAtHand) {
  Watchdog watchdog;
  watchdog.Arm(MonotonicNow() + absl::Hours(1), [] { ADD_FAILURE(); });
  EXPECT_TRUE(watchdog.Disarm());
  absl::Notification barked;
  watchdog.Arm(MonotonicNow() + absl::Milliseconds(1), [&] { barked.Notify(); });
  barked.WaitForNotification();
  EXPECT_FALSE(watchdog.Disarm());
  watchdog.Arm(MonotonicNow() + absl::Hours(1), [] { ADD_FAILURE(); });
  EXPECT_TRUE(watchdog.Disarm());
}

TEST(WatchdogTest, DisarmWaitsForTheCallback) {
  Watchdog watchdog;
  absl::Notification barking;
  bool done = false;
  watchdog.Arm(MonotonicNow(), [&] {
    barking.Notify();
    done = true;
  });
  barking.WaitForNotification();
  EXPECT_FALSE(watchdog.Disarm());
  EXPECT_TRUE(done);
}

TEST(WatchdogTest, EndsWhileArmed) {
  Watchdog watchdog;
  watchdog.Arm(absl::InfiniteFuture(), [] {});
}

}  // namespace
}  // namespace vitok
