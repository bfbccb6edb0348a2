#include "core/base/monotonic_clock.h"

#include <gtest/gtest.h>

namespace vitok {
namespace {

TEST(MonotonicClockTest, F25_NeverGoesBackAndPassesLikeTheSteadyClock) {
  const auto steady = std::chrono::steady_clock::now();
  const absl::Time start = MonotonicNow();
  absl::Time last = start;
  for (int i = 0; i < 100'000; ++i) {
    const absl::Time now = MonotonicNow();
    ASSERT_GE(now, last);
    last = now;
  }
  EXPECT_GT(last, start);
  EXPECT_LE(last - start, absl::FromChrono(std::chrono::steady_clock::now() - steady));
}

TEST(MonotonicClockTest, ConvertsDeadlinesOfTheSystemsClock) {
  EXPECT_EQ(ToMonotonic(absl::InfiniteFuture()), absl::InfiniteFuture());
  const absl::Time before = MonotonicNow();
  const absl::Time converted = ToMonotonic(absl::Now() + absl::Hours(1));
  EXPECT_GE(converted, before + absl::Hours(1) - absl::Seconds(1));
  EXPECT_LE(converted, MonotonicNow() + absl::Hours(1) + absl::Seconds(1));
}

}  // namespace
}  // namespace vitok
