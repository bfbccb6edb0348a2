#include "client/cli/run_in_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/notification.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;

TEST(RunInOrderTest, ReportsInOrderThoughTheFirstFinishesLast) {
  absl::Notification others_done;
  std::vector<int> reported;
  RunInOrder<int>(
      3, 2,
      [&](size_t i) {
        if (i == 0) others_done.WaitForNotification();
        if (i == 2) others_done.Notify();
        return static_cast<int>(10 * i);
      },
      [&](size_t i, int result) {
        EXPECT_EQ(result, 10 * i);
        reported.push_back(result);
      });
  EXPECT_THAT(reported, ElementsAre(0, 10, 20));
}

TEST(RunInOrderTest, WorksOnAsManyAtATimeAsAsked) {
  constexpr int kInFlight = 4;
  auto* const barrier = new absl::Barrier(kInFlight);  // passes only when all four are at work
  int reports = 0;
  RunInOrder<int>(
      kInFlight, kInFlight,
      [&](size_t i) {
        if (barrier->Block()) delete barrier;
        return 0;
      },
      [&](size_t, int) { ++reports; });
  EXPECT_EQ(reports, kInFlight);
}

TEST(RunInOrderTest, ReportsAResultBeforeLaterWorkIsDone) {
  absl::Notification first_reported;
  RunInOrder<int>(
      2, 1,
      [&](size_t i) {
        if (i == 1) first_reported.WaitForNotification();
        return 0;
      },
      [&](size_t i, int) {
        if (i == 0) first_reported.Notify();
      });
}

TEST(RunInOrderTest, DoesNothingForNoWork) {
  RunInOrder<int>(
      0, 1, [](size_t) { return 0; }, [](size_t, int) { FAIL(); });
}

}  // namespace
}  // namespace vitok
