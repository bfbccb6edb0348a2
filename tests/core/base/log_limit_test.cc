#include "core/base/log_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "core/base/log.h"
#include "tests/support/log_capture.h"

namespace vitok {
namespace {

using std::chrono::milliseconds;

const LogLimit::Clock::time_point kStart = LogLimit::Clock::now();

TEST(LogLimitTest, LetsSoManyLinesOfASecondThrough) {
  LogLimit limit(2);
  EXPECT_EQ(limit.Pass(kStart), 0);
  EXPECT_EQ(limit.Pass(kStart), 0);
  EXPECT_EQ(limit.Pass(kStart + milliseconds(999)), std::nullopt);
  EXPECT_EQ(limit.Pass(kStart + milliseconds(1000)), 1);
}

TEST(LogLimitTest, SaysOnceHowManyLinesItHeldBack) {
  LogLimit limit(1);
  EXPECT_EQ(limit.Pass(kStart), 0);
  for (int i = 0; i < 123; ++i) EXPECT_EQ(limit.Pass(kStart), std::nullopt);
  EXPECT_EQ(limit.Pass(kStart + milliseconds(1500)), 123);
  EXPECT_EQ(limit.Pass(kStart + milliseconds(2500)), 0);
}

TEST(LogLimitTest, CountsLinesOfAllThreads) {
  constexpr int kThreads = 4, kLines = 1000;
  LogLimit limit(10);
  std::atomic<int> passed = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kLines; ++i) passed += limit.Pass(kStart).has_value();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 10);
  EXPECT_EQ(limit.Pass(kStart + milliseconds(1000)), kThreads * kLines - 10);
}

TEST(LogLimitTest, LogLimitedBuildsOnlyTheLinesThatItLogs) {
  LogCapture log;
  LogLimit limit(1);
  int built = 0;
  const auto fields = [&built] {
    ++built;
    return std::vector<LogField>{{"code", "UNAVAILABLE"}};
  };
  // Against the clock: between two lines a second may begin, whose first line is logged as well.
  for (int i = 0; i < 1000; ++i) LogLimited(limit, spdlog::level::info, "refused", fields);
  EXPECT_GE(built, 1);
  EXPECT_LT(built, 1000);
  EXPECT_THAT(log.text(), testing::StartsWith("refused code=UNAVAILABLE\n"));
}

TEST(LogLimitTest, LogLimitedSaysHowManyLinesAreMissing) {
  LogCapture log;
  LogLimit limit(1);
  const auto long_ago = LogLimit::Clock::now() - std::chrono::hours(1);
  limit.Pass(long_ago);
  limit.Pass(long_ago);
  LogLimited(limit, spdlog::level::info, "refused", [] { return std::vector<LogField>{}; });
  EXPECT_EQ(log.text(), "refused suppressed=1\n");
}

}  // namespace
}  // namespace vitok
