#include "client/bench/closed_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/client/bench/simulation.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;

class ClosedLoopTest : public ::testing::Test {
 protected:
  LoadStats Run(int concurrency, LoadRunOptions options) {
    LoadRun run(std::move(options), pool_, &driver_, &clock_);
    return RunClosedLoop(concurrency, &run);
  }

  std::vector<PreparedRequest> pool_ = SimulatedPool(3);
  SimulatedClock clock_;
  SimulatedDriver driver_{&clock_};
};

TEST_F(ClosedLoopTest, KeepsRequestsInFlightAllTheTime) {
  const LoadStats stats = Run(4, {.duration = absl::Seconds(1)});
  // Four at a time, 10 ms each, without a gap.
  EXPECT_EQ(driver_.sent.size(), 400);
  EXPECT_EQ(driver_.most_in_flight, 4);
  EXPECT_EQ(stats.most_in_flight, 4);
  EXPECT_EQ(stats.window, absl::Seconds(1));
  EXPECT_EQ(stats.due, 400);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), 400);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.max(), absl::Milliseconds(10));
}

TEST_F(ClosedLoopTest, LeavesTheWarmUpOut) {
  driver_.answer = [this](const PreparedRequest&) {
    return clock_.Now() < absl::Seconds(2) ? Failure(absl::UnavailableError("cold")) : Success();
  };
  const LoadStats stats = Run(2, {.warm_up = absl::Seconds(2), .duration = absl::Seconds(3)});
  EXPECT_EQ(driver_.sent.size(), 1000);
  EXPECT_EQ(stats.due, 600);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), 600);
  EXPECT_FALSE(stats.codes.contains(absl::StatusCode::kUnavailable));
  EXPECT_EQ(stats.window, absl::Seconds(3));
}

TEST_F(ClosedLoopTest, CountsRatesByWhatEndsInTheWindowAndWaitsForTheLast) {
  driver_.service_time = absl::Milliseconds(700);
  const LoadStats stats = Run(1, {.duration = absl::Seconds(2)});
  EXPECT_EQ(stats.due, 3);       // at 0, 0.7 and 1.4 s
  EXPECT_EQ(stats.finished, 2);  // at 0.7 and 1.4 s; the third at 2.1 s
  EXPECT_EQ(stats.succeeded, 2);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), 3);
  EXPECT_EQ(stats.images, 2);
  EXPECT_EQ(stats.tokens, 20);
  EXPECT_EQ(stats.sent_bytes, 200);
  EXPECT_EQ(stats.received_bytes, 2000);
}

TEST_F(ClosedLoopTest, EndsAfterTheRequestsAskedFor) {
  const LoadStats stats = Run(4, {.warm_up = absl::Milliseconds(100), .requests = 10});
  EXPECT_EQ(stats.due, 10);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), 10);
  EXPECT_EQ(stats.window, absl::Milliseconds(30));  // 4 + 4 + 2
}

TEST_F(ClosedLoopTest, SendsEveryRequestOfThePoolEquallyOften) {
  Run(1, {.requests = 300});
  std::map<const PreparedRequest*, int> counts;
  for (const PreparedRequest* request : driver_.sent) ++counts[request];
  for (const PreparedRequest& request : pool_) EXPECT_EQ(counts[&request], 100);
  std::set<std::vector<const PreparedRequest*>> passes;
  for (int i = 0; i < 300; i += 3) passes.insert({driver_.sent.begin() + i, driver_.sent.begin() + i + 3});
  EXPECT_EQ(passes.size(), 6);  // all orders of three
}

TEST_F(ClosedLoopTest, SendsTheSameOrderForTheSameSeed) {
  Run(1, {.requests = 30, .seed = 5});
  SimulatedClock clock;
  SimulatedDriver driver(&clock);
  LoadRun run({.requests = 30, .seed = 5}, pool_, &driver, &clock);
  RunClosedLoop(1, &run);
  EXPECT_EQ(driver.sent, driver_.sent);
}

TEST_F(ClosedLoopTest, CountsCodesAndKeepsTheirFirstMessage) {
  int calls = 0;
  driver_.answer = [&calls](const PreparedRequest&) {
    ++calls;
    if (calls % 4 == 1) return Failure(absl::ResourceExhaustedError("queue full " + std::to_string(calls)));
    if (calls % 4 == 2) return Failure(absl::DeadlineExceededError("late"));
    return Success();
  };
  const LoadStats stats = Run(1, {.requests = 100});
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), 50);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kResourceExhausted).latency.count(), 25);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kResourceExhausted).message, "queue full 1");
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kDeadlineExceeded).latency.count(), 25);
  EXPECT_EQ(stats.finished, 100);
  EXPECT_EQ(stats.succeeded, 50);
  EXPECT_EQ(LatencyOfSuccesses(stats).count(), 50);
  EXPECT_EQ(LatencyOfFailures(stats).count(), 50);
}

TEST_F(ClosedLoopTest, CountsTheItemsThatSucceededInARequestThatFailed) {
  for (PreparedRequest& request : pool_) request.item_pixels = {100, 10, 1};
  driver_.answer = [](const PreparedRequest&) {
    RequestOutcome outcome = Success(3);
    outcome.reply.item_ok[1] = false;
    outcome.status = absl::InvalidArgumentError("images[1] is no picture");
    return outcome;
  };
  const LoadStats stats = Run(1, {.requests = 10});
  EXPECT_EQ(stats.succeeded, 0);
  EXPECT_EQ(stats.images, 20);
  EXPECT_EQ(stats.pixels, 1010);
}

TEST_F(ClosedLoopTest, SplitsTheTimeOfSuccessesIntoStages) {
  const LoadStats stats = Run(1, {.requests = 10});
  std::map<std::string_view, absl::Duration> p50;
  for (size_t i = 0; i < kStages.size(); ++i) p50[kStages[i].name] = stats.stages[i].Percentile(50);
  EXPECT_EQ(p50["compute"], absl::Milliseconds(4));
  EXPECT_EQ(p50["total"], absl::Milliseconds(5));
  EXPECT_EQ(p50["transport"], absl::Milliseconds(1));
  EXPECT_EQ(p50["queue"], absl::ZeroDuration());
}

TEST_F(ClosedLoopTest, DoesNotSpinWhileNoServerAnswers) {
  driver_.service_time = absl::ZeroDuration();
  driver_.answer = [](const PreparedRequest&) {
    RequestOutcome outcome = Failure(absl::UnavailableError("no server"));
    outcome.unreachable = true;
    return outcome;
  };
  const LoadStats stats = Run(3, {.duration = absl::Seconds(1)});
  EXPECT_EQ(stats.unreachable, 300);  // each client once a tick
}

TEST_F(ClosedLoopTest, AnInterruptEndsTheRunAndKeepsItsResults) {
  const LoadStats stats = Run(
      2, {.duration = absl::Seconds(100), .interrupts = [this] { return clock_.Now() >= absl::Seconds(3) ? 1 : 0; }});
  EXPECT_EQ(stats.window, absl::Seconds(3));
  EXPECT_EQ(stats.abandoned, 0);
  EXPECT_EQ(stats.codes.at(absl::StatusCode::kOk).latency.count(), stats.due);
  EXPECT_NEAR(stats.due, 600, 2);
}

TEST_F(ClosedLoopTest, ASecondInterruptGivesUpWhatIsInFlight) {
  driver_.service_time = absl::Hours(1);
  const LoadStats stats =
      Run(5, {.duration = absl::Seconds(100), .interrupts = [this] {
                return clock_.Now() >= absl::Seconds(4) ? 2 : clock_.Now() >= absl::Seconds(3) ? 1 : 0;
              }});
  EXPECT_EQ(stats.due, 5);
  EXPECT_EQ(stats.abandoned, 5);
  EXPECT_TRUE(stats.codes.empty());
  EXPECT_LT(clock_.Now(), absl::Seconds(5));
}

TEST_F(ClosedLoopTest, AnInterruptInTheWarmUpLeavesNothingMeasured) {
  const LoadStats stats = Run(2, {.warm_up = absl::Seconds(9), .interrupts = [] { return 1; }});
  EXPECT_EQ(stats.window, absl::ZeroDuration());
  EXPECT_EQ(stats.due, 0);
}

TEST_F(ClosedLoopTest, ReportsProgressEverySecond) {
  std::vector<int64_t> finished;
  std::vector<bool> warming_up;
  Run(1, {.warm_up = absl::Milliseconds(1500),
          .duration = absl::Milliseconds(1700),
          .progress = [&](const LoadProgress& progress) {
            finished.push_back(progress.finished);
            warming_up.push_back(progress.warming_up);
            EXPECT_EQ(progress.since_last, absl::Seconds(1));
            EXPECT_EQ(progress.in_flight, 1);
          }});
  EXPECT_THAT(finished, ElementsAre(100, 100, 100));
  EXPECT_THAT(warming_up, ElementsAre(true, false, false));
}

}  // namespace
}  // namespace vitok
