#include "client/bench/arrival_schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace vitok {
namespace {

TEST(ArrivalScheduleTest, ConstantGapsDoNotDrift) {
  ArrivalSchedule schedule(ArrivalProcess::kConstant, 3, 1);
  absl::Duration time;
  for (int i = 0; i <= 300'000; ++i) time = schedule.Next();
  EXPECT_EQ(absl::ToDoubleSeconds(time), 100'000);
}

TEST(ArrivalScheduleTest, PoissonGapsHaveTheMeanAndDeviationOfTheirRate) {
  ArrivalSchedule schedule(ArrivalProcess::kPoisson, 50, 1);
  double last = 0, sum = 0, sum_of_squares = 0;
  constexpr int kCount = 100'000;
  for (int i = 0; i < kCount; ++i) {
    const double time = absl::ToDoubleSeconds(schedule.Next());
    ASSERT_GE(time, last);
    sum += time - last;
    sum_of_squares += (time - last) * (time - last);
    last = time;
  }
  const double mean = sum / kCount;
  EXPECT_NEAR(mean, 0.02, 0.0003);
  EXPECT_NEAR(std::sqrt(sum_of_squares / kCount - mean * mean), 0.02, 0.0005);  // exponential: equal to the mean
}

TEST(ArrivalScheduleTest, GivesTheSameForTheSameSeed) {
  ArrivalSchedule a(ArrivalProcess::kPoisson, 1, 7), b(ArrivalProcess::kPoisson, 1, 7);
  ArrivalSchedule other(ArrivalProcess::kPoisson, 1, 8);
  for (int i = 0; i < 10; ++i) {
    const absl::Duration time = a.Next();
    EXPECT_EQ(time, b.Next());
    EXPECT_NE(time, other.Next());
  }
}

}  // namespace
}  // namespace vitok
