#include "server/lifecycle/model_reaper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/synchronization/notification.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;

TEST(ModelReaperTest, CleansUpThenTellsWhoWaits) {
  ModelReaper reaper;
  std::vector<std::string> jobs;
  reaper.Born(1, [&] { jobs.push_back("clean up"); });
  reaper.WhenGone(1, [&] { jobs.push_back("waited"); });
  reaper.Born(2, [&] { jobs.push_back("another"); });
  reaper.Gone(1);
  reaper.WhenGone(1, [&] { jobs.push_back("late"); });
  reaper.Stop();
  EXPECT_THAT(jobs, ElementsAre("clean up", "waited", "late"));
}

TEST(ModelReaperTest, DoesNothingAfterStop) {
  ModelReaper reaper;
  reaper.Born(1, [] { FAIL(); });
  reaper.WhenGone(1, [] { FAIL(); });
  reaper.Stop();
  reaper.Gone(1);
  reaper.WhenGone(1, [] { FAIL(); });
}

TEST(ModelReaperTest, AJobMayAskForMore) {
  ModelReaper reaper;
  absl::Notification done;
  reaper.Born(1, [&] { reaper.WhenGone(1, [&] { done.Notify(); }); });
  reaper.Gone(1);
  done.WaitForNotification();
}

}  // namespace
}  // namespace vitok
