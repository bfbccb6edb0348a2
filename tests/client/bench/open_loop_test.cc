#include "client/bench/open_loop.h"

#include <gtest/gtest.h>

#include "tests/client/bench/simulation.h"

namespace vitok {
namespace {

class OpenLoopTest : public ::testing::Test {
 protected:
  LoadStats Run(double rate_per_s, int64_t max_in_flight, LoadRunOptions options,
                ArrivalProcess process = ArrivalProcess::kConstant) {
    LoadRun run(std::move(options), pool_, &driver_, &clock_);
    return RunOpenLoop(ArrivalSchedule(process, rate_per_s, 1), max_in_flight, &run);
  }

  std::vector<PreparedRequest> pool_ = SimulatedPool(3);
  SimulatedClock clock_;
  SimulatedDriver driver_{&clock_};
};

TEST_F(OpenLoopTest, SendsAtTheRateWhateverTheServerDoes) {
  driver_.service_time = absl::Seconds(5);
  const LoadStats stats = Run(100, 10'000, {.warm_up = absl::Seconds(1), .duration = absl::Seconds(4)});
  EXPECT_EQ(driver_.sent.size(), 500);
  EXPECT_EQ(stats.due, 400);
  EXPECT_EQ(stats.not_sent, 0);
  EXPECT_EQ(stats.send_delay.max(), absl::ZeroDuration());
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), 400);
  EXPECT_EQ(stats.finished, 0);  // the first ends with the window
  EXPECT_EQ(stats.most_in_flight, 500);
}

TEST_F(OpenLoopTest, CountsTheWaitBehindASlowServer) {
  // 100 requests a second for a server that does 50: the i-th is due at 10·i ms and ends at 20·(i + 1) ms.
  driver_.workers = 1;
  driver_.service_time = absl::Milliseconds(20);
  const LoadStats stats = Run(100, 10'000, {.requests = 100});
  const LatencyHistogram& latency = stats.codes.at(absl::StatusCode::kOk).latency;
  EXPECT_EQ(latency.min(), absl::Milliseconds(20));
  EXPECT_EQ(latency.max(), absl::Milliseconds(1010));
  EXPECT_EQ(latency.mean(), absl::Milliseconds(515));
  EXPECT_EQ(stats.window, absl::Seconds(2));
}

TEST_F(OpenLoopTest, CountsLatencyFromWhenARequestWasDueThoughItIsSentLater) {
  // The load generator itself stalls for a second while it sends the first of ten requests.
  driver_.on_send = [this] {
    if (driver_.sent.size() == 1) clock_.Pass(absl::Seconds(1));
  };
  const LoadStats stats = Run(10, 10'000, {.duration = absl::Seconds(1)});
  EXPECT_EQ(stats.due, 10);
  const LatencyHistogram& latency = stats.codes.at(absl::StatusCode::kOk).latency;
  EXPECT_EQ(latency.count(), 10);
  EXPECT_EQ(latency.max(), absl::Milliseconds(1010));  // due at 0, ended at 1010 ms
  EXPECT_EQ(latency.min(), absl::Milliseconds(110));   // due at 900 ms
  EXPECT_EQ(stats.send_delay.max(), absl::Milliseconds(900));
}

TEST_F(OpenLoopTest, CountsWhatItCannotSend) {
  driver_.workers = 1;
  driver_.service_time = absl::Milliseconds(95);
  const LoadStats stats = Run(100, 2, {.duration = absl::Seconds(10)});
  EXPECT_EQ(driver_.most_in_flight, 2);
  EXPECT_EQ(stats.due, 1000);
  EXPECT_EQ(stats.not_sent, 1000 - static_cast<int64_t>(driver_.sent.size()));
  EXPECT_GT(stats.not_sent, 800);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), driver_.sent.size());
}

TEST_F(OpenLoopTest, EndsAfterTheRequestsAskedForAlsoIfSomeAreNotSent) {
  driver_.service_time = absl::Seconds(1);
  const LoadStats stats = Run(100, 1, {.requests = 20});
  EXPECT_EQ(stats.due, 20);
  EXPECT_EQ(stats.not_sent, 19);
}

TEST_F(OpenLoopTest, FollowsPoissonArrivals) {
  const LoadStats stats = Run(1000, 10'000, {.duration = absl::Seconds(10)}, ArrivalProcess::kPoisson);
  EXPECT_NEAR(stats.due, 10'000, 300);
  // With gaps of equal length there would never be more than 10 in flight.
  EXPECT_GT(stats.most_in_flight, 15);
}

TEST_F(OpenLoopTest, SeesAnInterruptThoughItIsAlwaysLate) {
  driver_.on_send = [this] { clock_.Pass(absl::Milliseconds(100)); };
  const LoadStats stats =
      Run(1000, 10'000,
          {.duration = absl::Seconds(1000), .interrupts = [this] { return clock_.Now() > absl::Seconds(5) ? 1 : 0; }});
  EXPECT_LE(stats.due, 52);
  EXPECT_LE(stats.window, absl::Milliseconds(5200));
}

}  // namespace
}  // namespace vitok
