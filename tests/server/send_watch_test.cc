#include "server/send_watch.h"

#include <gtest/gtest.h>

#include <atomic>

#include "absl/synchronization/notification.h"

namespace vitok {
namespace {

TEST(SendWatchTest, F13_CutsOffWhatTakesTooLong) {
  SendWatch watch(absl::Milliseconds(1));
  absl::Notification first, second;
  watch.Begin([&first] { first.Notify(); });
  watch.Begin([&second] { second.Notify(); });
  first.WaitForNotification();
  second.WaitForNotification();
}

TEST(SendWatchTest, LeavesAloneWhatHasEnded) {
  std::atomic<bool> cut_off{false};
  absl::Notification later;
  SendWatch watch(absl::Milliseconds(1));
  for (int i = 0; i < 100; ++i) {
    auto alive = std::make_unique<std::atomic<bool>>(true);
    const uint64_t send = watch.Begin([alive = alive.get(), &cut_off] { cut_off = !*alive; });
    watch.End(send);
    *alive = false;
  }
  watch.Begin([&later] { later.Notify(); });
  later.WaitForNotification();
  EXPECT_FALSE(cut_off);
}

TEST(SendWatchTest, MayBeEndedByTheCutOffItself) {
  absl::Notification done;
  SendWatch watch(absl::Milliseconds(1));
  std::atomic<uint64_t> send{0};
  send = watch.Begin([&] {
    watch.End(send);
    done.Notify();
  });
  done.WaitForNotification();
}

TEST(SendWatchTest, EndsWithSendsUnderWay) {
  SendWatch watch(absl::Hours(1));
  watch.Begin([] { FAIL(); });
}

}  // namespace
}  // namespace vitok
