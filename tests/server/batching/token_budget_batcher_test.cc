#include "server/batching/token_budget_batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/server/batching/fake_task.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

int Id(const BatchTask& task) { return static_cast<const FakeTask&>(task).id; }

std::vector<int> Ids(const std::optional<Batch>& batch) {
  std::vector<int> ids;
  if (batch) {
    for (const auto& task : batch->tasks) ids.push_back(Id(*task));
  }
  return ids;
}

class TokenBudgetBatcherTest : public ::testing::Test {
 protected:
  TokenBudgetBatcher::Options Options(int64_t tokens = 10) {
    return {.budget = {.tokens = tokens}, .max_delay = absl::Milliseconds(20), .now = [this] { return now_; }};
  }

  // A batcher whose device is busy with a batch of one token.
  std::unique_ptr<TokenBudgetBatcher> Busy(const TokenBudgetBatcher::Options& options) {
    auto batcher = std::make_unique<TokenBudgetBatcher>(options);
    EXPECT_TRUE(Schedule(*batcher, MakeTask(0, 1, &log_)).ok());
    running_ = batcher->TryNextBatch();
    EXPECT_THAT(Ids(running_), ElementsAre(0));
    return batcher;
  }

  template <typename... Tasks>
  static absl::Status Schedule(TokenBudgetBatcher& batcher, Tasks... tasks) {
    std::vector<std::unique_ptr<BatchTask>> group;
    (group.push_back(std::move(tasks)), ...);
    return batcher.Schedule(group);
  }

  // Ids of the batches that follow each other when each takes no time.
  std::vector<std::vector<int>> RunAll(TokenBudgetBatcher& batcher) {
    std::vector<std::vector<int>> batches;
    while (const std::optional<Batch> batch = batcher.TryNextBatch()) {
      batches.push_back(Ids(batch));
      batcher.BatchDone(*batch, absl::ZeroDuration());
    }
    return batches;
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  TaskLog log_;
  std::optional<Batch> running_;
};

TEST_F(TokenBudgetBatcherTest, DispatchesAtOnceWhileTheDeviceIsFree) {
  TokenBudgetBatcher batcher(Options());
  EXPECT_EQ(batcher.TryNextBatch(), std::nullopt);
  ASSERT_TRUE(Schedule(batcher, MakeTask(1, 1)).ok());
  const std::optional<Batch> batch = batcher.TryNextBatch();
  EXPECT_THAT(Ids(batch), ElementsAre(1));
  EXPECT_EQ(batch->reason, CloseReason::kIdle);
}

TEST_F(TokenBudgetBatcherTest, WaitsForMoreOnlyWhileTheDeviceIsBusy) {
  const auto batcher = Busy(Options());
  ASSERT_TRUE(Schedule(*batcher, MakeTask(1, 4)).ok());
  EXPECT_EQ(batcher->TryNextBatch(), std::nullopt);
  batcher->BatchDone(*running_, absl::Milliseconds(1));
  EXPECT_THAT(Ids(batcher->TryNextBatch()), ElementsAre(1));
}

TEST_F(TokenBudgetBatcherTest, MakesAFullBatchReadyBehindABusyDevice) {
  const auto batcher = Busy(Options());
  ASSERT_TRUE(Schedule(*batcher, MakeTask(1, 4), MakeTask(2, 4), MakeTask(3, 4)).ok());
  const std::optional<Batch> batch = batcher->TryNextBatch();
  EXPECT_THAT(Ids(batch), ElementsAre(1, 2));
  EXPECT_EQ(batch->reason, CloseReason::kFull);
}

TEST_F(TokenBudgetBatcherTest, MakesASmallBatchReadyAfterTheDelay) {
  const auto batcher = Busy(Options());
  ASSERT_TRUE(Schedule(*batcher, MakeTask(1, 4)).ok());
  now_ += absl::Milliseconds(19);
  EXPECT_EQ(batcher->TryNextBatch(), std::nullopt);
  now_ += absl::Milliseconds(1);
  const std::optional<Batch> batch = batcher->TryNextBatch();
  EXPECT_THAT(Ids(batch), ElementsAre(1));
  EXPECT_EQ(batch->reason, CloseReason::kDelay);
}

TEST_F(TokenBudgetBatcherTest, HandsOutNoMoreBatchesThanPrefetchAllows) {
  const auto batcher = Busy(Options());
  for (int id = 1; id <= 3; ++id) ASSERT_TRUE(Schedule(*batcher, MakeTask(id, 10)).ok());
  EXPECT_THAT(Ids(batcher->TryNextBatch()), ElementsAre(1));
  EXPECT_EQ(batcher->TryNextBatch(), std::nullopt);
  batcher->BatchDone(*running_, absl::Milliseconds(1));
  EXPECT_THAT(Ids(batcher->TryNextBatch()), ElementsAre(2));
}

TEST_F(TokenBudgetBatcherTest, KeepsModelsAndOpsApart) {
  TokenBudgetBatcher batcher(Options());
  auto decode = MakeTask(3, 1, &log_, 2);
  decode->lane.op = TokenizerOp::kDecode;
  ASSERT_TRUE(
      Schedule(batcher, MakeTask(1, 1, &log_, 1), MakeTask(2, 1, &log_, 2), std::move(decode), MakeTask(4, 1, &log_, 2))
          .ok());
  EXPECT_THAT(RunAll(batcher), ElementsAre(ElementsAre(1), ElementsAre(2, 4), ElementsAre(3)));
}

TEST_F(TokenBudgetBatcherTest, GivesALegalTaskAboveTheBudgetABatchOfItsOwn) {
  TokenBudgetBatcher batcher(Options());
  ASSERT_TRUE(Schedule(batcher, MakeTask(1, 2), MakeTask(2, 100), MakeTask(3, 2)).ok());
  EXPECT_THAT(RunAll(batcher), ElementsAre(ElementsAre(1, 3), ElementsAre(2)));
}

TEST_F(TokenBudgetBatcherTest, F10_TheFloodOfOneModelDoesNotHoldUpAnother) {
  TokenBudgetBatcher batcher(Options());
  for (int id = 1; id <= 50; ++id) ASSERT_TRUE(Schedule(batcher, MakeTask(id, 10, &log_, 1)).ok());
  std::optional<Batch> batch = batcher.TryNextBatch();
  ASSERT_TRUE(Schedule(batcher, MakeTask(100, 10, &log_, 2), MakeTask(101, 10, &log_, 2)).ok());
  batcher.BatchDone(*batch, absl::Seconds(1));
  batch = batcher.TryNextBatch();
  EXPECT_THAT(Ids(batch), ElementsAre(100));
  batcher.BatchDone(*batch, absl::Seconds(1));
  std::vector<int> rest;
  for (int i = 0; i < 2; ++i) {
    batch = batcher.TryNextBatch();
    rest.push_back(Ids(batch)[0]);
    batcher.BatchDone(*batch, absl::Seconds(1));
  }
  EXPECT_THAT(rest, ::testing::UnorderedElementsAre(2, 101));
}

TEST_F(TokenBudgetBatcherTest, SharesTheDeviceByTimeAndNotByBatches) {
  TokenBudgetBatcher batcher(Options());
  for (int id = 0; id < 400; ++id) ASSERT_TRUE(Schedule(batcher, MakeTask(id, 10, &log_, 1 + id % 2)).ok());
  absl::Duration given[3];
  for (int i = 0; i < 200; ++i) {
    const std::optional<Batch> batch = batcher.TryNextBatch();
    const absl::Duration time = batch->lane.model == 1 ? absl::Milliseconds(3) : absl::Milliseconds(1);
    given[batch->lane.model] += time;
    batcher.BatchDone(*batch, time);
  }
  EXPECT_NEAR(absl::FDivDuration(given[1], given[2]), 1, 0.1);
}

TEST_F(TokenBudgetBatcherTest, InteractiveGoesFirstAndBackgroundKeepsFivePercent) {
  TokenBudgetBatcher batcher(Options(64));
  int id = 0;
  int64_t background = 0;
  int64_t all = 0;
  for (int i = 0; i < 1000; ++i) {  // both always wait
    while (id < 4 * (i + 10)) {
      ASSERT_TRUE(
          Schedule(batcher, MakeTask(id, 16, Priority::kInteractive), MakeTask(id, 16, Priority::kBackground)).ok());
      ++id;
    }
    const std::optional<Batch> batch = batcher.TryNextBatch();
    for (const auto& task : batch->tasks) {
      all += task->tokens;
      if (task->priority == Priority::kBackground) background += task->tokens;
    }
    batcher.BatchDone(*batch, absl::Milliseconds(1));
  }
  EXPECT_GE(static_cast<double>(background) / all, 0.05);
  EXPECT_LE(static_cast<double>(background) / all, 0.10);
}

TEST_F(TokenBudgetBatcherTest, F11_DropsWhatIsPastItsDeadlineWhileTheDeviceIsBusy) {
  const auto batcher = Busy(Options());
  auto late = MakeTask(1, 1, &log_);
  late->deadline = now_ + absl::Milliseconds(5);
  auto later = MakeTask(2, 1, &log_);
  later->deadline = now_ + absl::Milliseconds(9);
  ASSERT_TRUE(Schedule(*batcher, std::move(later), std::move(late), MakeTask(3, 1, &log_)).ok());
  EXPECT_EQ(batcher->DropExpired(), now_ + absl::Milliseconds(5));
  now_ += absl::Milliseconds(5);
  EXPECT_EQ(batcher->DropExpired(), now_ + absl::Milliseconds(4));
  EXPECT_THAT(log_.of(1), ElementsAre("DEADLINE_EXCEEDED"));
  EXPECT_THAT(log_.of(2), IsEmpty());
  now_ += absl::Milliseconds(4);
  batcher->BatchDone(*running_, absl::Milliseconds(9));
  EXPECT_THAT(Ids(batcher->TryNextBatch()), ElementsAre(3)) << "also without the timer";
  EXPECT_THAT(log_.of(2), ElementsAre("DEADLINE_EXCEEDED"));
}

TEST_F(TokenBudgetBatcherTest, F11_DropsTasksThatArriveTooLate) {
  TokenBudgetBatcher batcher(Options());
  auto late = MakeTask(1, 1, &log_);
  late->deadline = now_;
  ASSERT_TRUE(Schedule(batcher, std::move(late), MakeTask(2, 1, &log_)).ok());
  EXPECT_THAT(log_.of(1), ElementsAre("DEADLINE_EXCEEDED"));
  EXPECT_THAT(Ids(batcher.TryNextBatch()), ElementsAre(2));
}

TEST_F(TokenBudgetBatcherTest, F11_ATimerThreadDropsWhatExpires) {
  TokenBudgetBatcher batcher({.budget = {.tokens = 10}});  // the real clock
  ASSERT_TRUE(Schedule(batcher, MakeTask(0, 1, &log_)).ok());
  const std::optional<Batch> running = batcher.TryNextBatch();
  std::thread timer([&batcher] { batcher.DropExpiredUntilShutdown(); });
  auto late = MakeTask(1, 1, &log_);
  late->deadline = MonotonicNow() + absl::Milliseconds(5);
  ASSERT_TRUE(Schedule(batcher, std::move(late)).ok());
  while (log_.of(1).empty()) std::this_thread::yield();
  EXPECT_THAT(log_.of(1), ElementsAre("DEADLINE_EXCEEDED"));
  batcher.Shutdown(absl::UnavailableError("over"));
  timer.join();
}

TEST_F(TokenBudgetBatcherTest, F12_CancelsTheTasksOfARequestAndNoOthers) {
  const auto batcher = Busy(Options());
  auto one = MakeTask(1, 1, &log_);
  auto two = MakeTask(2, 1, &log_);
  auto three = MakeTask(3, 1, &log_);
  one->request = two->request = 77;
  two->lane.op = TokenizerOp::kDecode;
  ASSERT_TRUE(Schedule(*batcher, std::move(one), std::move(three), std::move(two)).ok());
  batcher->Cancel(77);
  batcher->Cancel(77);
  batcher->Cancel(12345);
  EXPECT_THAT(log_.of(1), ElementsAre("CANCELLED"));
  EXPECT_THAT(log_.of(2), ElementsAre("CANCELLED"));
  batcher->BatchDone(*running_, absl::Milliseconds(1));
  EXPECT_THAT(Ids(batcher->TryNextBatch()), ElementsAre(3));
}

TEST_F(TokenBudgetBatcherTest, F12_CancellingComesTooLateForWhatRuns) {
  const auto batcher = Busy(Options());
  batcher->Cancel(0);
  EXPECT_THAT(log_.of(0), IsEmpty());
}

TEST_F(TokenBudgetBatcherTest, ForgetsAModelThatIsGoneAndNoOther) {
  TokenBudgetBatcher batcher(Options());
  constexpr BatchSize kSize{.tokens = 1, .square_tokens = 1};
  const CostModel costs = CostModel::Fit({{kSize, absl::Seconds(1)}});
  for (const uint64_t model : {1, 2, 3}) batcher.SetCostModel({model, TokenizerOp::kReconstruct}, costs);
  batcher.ForgetModel(2);
  for (const uint64_t model : {1, 2, 3}) {
    EXPECT_EQ(
        batcher.PredictTime({model, TokenizerOp::kReconstruct}, Priority::kInteractive, kSize) > absl::ZeroDuration(),
        model != 2);
  }
}

TEST_F(TokenBudgetBatcherTest, PredictsTheTimeOfWhatIsBeforeATask) {
  TokenBudgetBatcher batcher(Options());
  const LaneKey lane{.model = 1};
  const BatchSize size{.tokens = 10, .square_tokens = 100};
  EXPECT_EQ(batcher.PredictTime(lane, Priority::kInteractive, size), absl::ZeroDuration());
  batcher.SetCostModel(
      lane, CostModel::Fit({{{10, 100, 0}, absl::Milliseconds(10)}, {{20, 400, 0}, absl::Milliseconds(20)}}));
  const auto predict = [&](Priority priority) {
    return absl::ToDoubleMilliseconds(batcher.PredictTime(lane, priority, size));
  };
  EXPECT_NEAR(predict(Priority::kInteractive), 10, 0.1);
  ASSERT_TRUE(Schedule(batcher, MakeTask(1, 10, &log_)).ok());
  const std::optional<Batch> running = batcher.TryNextBatch();
  ASSERT_TRUE(Schedule(batcher, MakeTask(2, 20, &log_), MakeTask(3, 40, Priority::kBackground, &log_)).ok());
  EXPECT_NEAR(predict(Priority::kInteractive), 10 + 20 + 10, 0.5);
  EXPECT_NEAR(predict(Priority::kBackground), 10 + 20 + 40 + 10, 0.5);
  now_ += absl::Milliseconds(4);
  EXPECT_NEAR(predict(Priority::kInteractive), 6 + 20 + 10, 0.5);
  now_ += absl::Seconds(1);
  EXPECT_NEAR(predict(Priority::kInteractive), 20 + 10, 0.5) << "a batch that is late is nearly done";
  batcher.BatchDone(*running, absl::Milliseconds(10));
  batcher.Cancel(2);
  EXPECT_NEAR(predict(Priority::kInteractive), 10, 0.5);
}

TEST_F(TokenBudgetBatcherTest, RefusesTasksAfterShutdownAndLeavesThemToTheCaller) {
  TokenBudgetBatcher batcher(Options());
  ASSERT_TRUE(Schedule(batcher, MakeTask(1, 1, &log_), MakeTask(2, 1, Priority::kBackground, &log_)).ok());
  batcher.Shutdown(absl::UnavailableError("over"));
  batcher.Shutdown(absl::InternalError("the first call decides"));
  EXPECT_THAT(log_.of(1), ElementsAre("UNAVAILABLE"));
  EXPECT_THAT(log_.of(2), ElementsAre("UNAVAILABLE"));
  std::vector<std::unique_ptr<BatchTask>> group;
  group.push_back(MakeTask(3, 1, &log_));
  EXPECT_EQ(batcher.Schedule(group), absl::UnavailableError("over"));
  EXPECT_EQ(group.size(), 1);
  EXPECT_EQ(batcher.NextBatch(), std::nullopt);
}

TEST_F(TokenBudgetBatcherTest, ShutdownWakesAWaitingConsumer) {
  TokenBudgetBatcher batcher(Options());
  std::thread consumer([&batcher] { EXPECT_EQ(batcher.NextBatch(), std::nullopt); });
  batcher.Shutdown(absl::UnavailableError("over"));
  consumer.join();
}

// Open-loop arrivals of images from 256² to 2048² (patch 16) that keep the device saturated: batches are at least 90 %
// full and no task waits more than 50 ms behind younger ones of its class.
TEST_F(TokenBudgetBatcherTest, FillsBatchesOfAMixedTraceAtSaturation) {
  constexpr int64_t kBudget = 16384;
  TokenBudgetBatcher batcher(Options(kBudget));
  std::mt19937 random(5);
  std::uniform_int_distribution<int> side(16, 128);
  std::map<int, absl::Time> waiting;
  int id = 0;
  double fill = 0;
  constexpr int kBatches = 400;
  for (int i = 0; i < kBatches; ++i) {
    while (waiting.size() < 100) {
      ASSERT_TRUE(Schedule(batcher, MakeTask(id, side(random) * side(random))).ok());
      waiting[id++] = absl::InfiniteFuture();
    }
    const std::optional<Batch> batch = batcher.TryNextBatch();
    fill += static_cast<double>(batch->size.tokens) / kBudget;
    EXPECT_LE(batch->size.tokens, kBudget);
    int youngest = 0;
    for (const auto& task : batch->tasks) {
      youngest = std::max(youngest, Id(*task));
      waiting.erase(Id(*task));
    }
    for (auto& [older, overtaken] : waiting) {
      if (older >= youngest) break;
      overtaken = std::min(overtaken, now_);
      EXPECT_LE(now_ - overtaken, absl::Milliseconds(50)) << "task " << older;
    }
    now_ += absl::Milliseconds(15);
    batcher.BatchDone(*batch, absl::Milliseconds(15));
  }
  EXPECT_GE(fill / kBatches, 0.9);
}

// Any trace of arrivals, cancellations, deadlines and a shutdown in the middle: every task ends exactly once, batches
// hold one lane and keep to the budget.
TEST_F(TokenBudgetBatcherTest, EndsEveryTaskExactlyOnceWhateverArrives) {
  for (int seed = 0; seed < 20; ++seed) {
    constexpr int64_t kBudget = 64;
    constexpr int kProducers = 3;
    constexpr int kGroups = 60;
    TaskLog log;
    TokenBudgetBatcher batcher({.budget = {.tokens = kBudget}, .max_delay = absl::Microseconds(100)});
    std::atomic<int> next_id{0};
    std::atomic<int> next_request{0};
    std::thread timer([&batcher] { batcher.DropExpiredUntilShutdown(); });
    std::thread consumer([&] {
      while (const std::optional<Batch> batch = batcher.NextBatch()) {
        int64_t tokens = 0;
        for (const auto& task : batch->tasks) {
          tokens += task->tokens;
          EXPECT_EQ(task->lane, batch->lane);
          log.Add(Id(*task), "ran");
        }
        EXPECT_EQ(tokens, batch->size.tokens);
        EXPECT_TRUE(tokens <= kBudget || batch->tasks.size() == 1)
            << tokens << " in " << batch->tasks.size() << " tasks";
        batcher.BatchDone(*batch, absl::Microseconds(tokens));
      }
    });
    std::vector<std::thread> producers;
    for (int producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&, producer] {
        std::mt19937 random(seed * kProducers + producer);
        for (int g = 0; g < kGroups; ++g) {
          std::vector<std::unique_ptr<BatchTask>> group;
          const uint64_t request = next_request++;
          for (int count = 1 + random() % 5; count > 0; --count) {
            auto task = MakeTask(next_id++, 1 + random() % 100, static_cast<Priority>(random() % kPriorities), &log,
                                 random() % 2);
            task->request = request;
            if (random() % 8 == 0) task->deadline = MonotonicNow() + absl::Microseconds(random() % 200);
            group.push_back(std::move(task));
          }
          const absl::Status status = batcher.Schedule(group);
          for (auto& task : group) task->Drop(status);
          if (random() % 4 == 0) batcher.Cancel(request);
          if (producer == 0 && g == kGroups / 2 && seed % 2 == 1) batcher.Shutdown(absl::UnavailableError("over"));
        }
      });
    }
    for (std::thread& producer : producers) producer.join();
    batcher.Shutdown(absl::UnavailableError("over"));
    consumer.join();
    timer.join();
    const auto ends = log.ends();
    EXPECT_EQ(static_cast<int>(ends.size()), next_id.load());
    for (const auto& [id, how] : ends) EXPECT_EQ(how.size(), 1) << "task " << id << ", seed " << seed;
  }
}

}  // namespace
}  // namespace vitok
