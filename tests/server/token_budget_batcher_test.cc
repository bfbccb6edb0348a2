#include "server/token_budget_batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

namespace vitok {
namespace {

using ::testing::ElementsAre;

// Ends of tasks, by id: "ran" or the code it was dropped with.
struct Log {
  void Add(int id, std::string end) {
    absl::MutexLock lock(&mutex);
    ends[id].push_back(std::move(end));
  }
  absl::Mutex mutex;
  std::map<int, std::vector<std::string>> ends;
};

struct FakeTask : BatchTask {
  void Drop(absl::Status status) override { log->Add(id, absl::StatusCodeToString(status.code())); }
  int id = 0;
  Log* log = nullptr;
};

class TokenBudgetBatcherTest : public ::testing::Test {
 protected:
  TokenBudgetBatcher Make(int64_t max_batch_tokens) {
    return TokenBudgetBatcher({.max_batch_tokens = max_batch_tokens, .now = [this] { return now_; }});
  }

  std::unique_ptr<FakeTask> Task(int id, int64_t tokens, int model = 0) {
    auto task = std::make_unique<FakeTask>();
    task->id = id;
    task->tokens = tokens;
    task->model_key = &models_[model];
    task->log = &log_;
    return task;
  }

  template <typename... Tasks>
  absl::Status Schedule(TokenBudgetBatcher& batcher, Tasks... tasks) {
    std::vector<std::unique_ptr<BatchTask>> group;
    (group.push_back(std::move(tasks)), ...);
    return batcher.Schedule(group);
  }

  std::vector<int> NextIds(TokenBudgetBatcher& batcher) {
    std::vector<int> ids;
    for (const auto& task : batcher.NextBatch()) ids.push_back(static_cast<FakeTask&>(*task).id);
    return ids;
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  int models_[2] = {};
  Log log_;
};

TEST_F(TokenBudgetBatcherTest, FillsBatchesUpToTheBudgetInOrder) {
  TokenBudgetBatcher batcher = Make(10);
  ASSERT_TRUE(Schedule(batcher, Task(1, 4), Task(2, 6), Task(3, 1), Task(4, 9), Task(5, 1)).ok());
  EXPECT_THAT(NextIds(batcher), ElementsAre(1, 2));
  EXPECT_THAT(NextIds(batcher), ElementsAre(3, 4));
  EXPECT_THAT(NextIds(batcher), ElementsAre(5));
}

TEST_F(TokenBudgetBatcherTest, DoesNotOvertakeATaskThatDoesNotFit) {
  TokenBudgetBatcher batcher = Make(10);
  ASSERT_TRUE(Schedule(batcher, Task(1, 6), Task(2, 6), Task(3, 1)).ok());
  EXPECT_THAT(NextIds(batcher), ElementsAre(1));
  EXPECT_THAT(NextIds(batcher), ElementsAre(2, 3));
}

TEST_F(TokenBudgetBatcherTest, GivesATaskAboveTheBudgetABatchOfItsOwn) {
  TokenBudgetBatcher batcher = Make(10);
  ASSERT_TRUE(Schedule(batcher, Task(1, 2), Task(2, 100), Task(3, 2)).ok());
  EXPECT_THAT(NextIds(batcher), ElementsAre(1));
  EXPECT_THAT(NextIds(batcher), ElementsAre(2));
  EXPECT_THAT(NextIds(batcher), ElementsAre(3));
}

TEST_F(TokenBudgetBatcherTest, KeepsModelsAndOpsApart) {
  TokenBudgetBatcher batcher = Make(10);
  auto decode = Task(3, 1, 1);
  decode->op = TokenizerOp::kDecode;
  ASSERT_TRUE(Schedule(batcher, Task(1, 1, 0), Task(2, 1, 1), std::move(decode), Task(4, 1, 1)).ok());
  EXPECT_THAT(NextIds(batcher), ElementsAre(1));
  EXPECT_THAT(NextIds(batcher), ElementsAre(2));
  EXPECT_THAT(NextIds(batcher), ElementsAre(3));
  EXPECT_THAT(NextIds(batcher), ElementsAre(4));
}

TEST_F(TokenBudgetBatcherTest, DropsCancelledAndExpiredTasksWithoutBreakingTheBatch) {
  TokenBudgetBatcher batcher = Make(10);
  const auto was_cancelled = std::make_shared<std::atomic<bool>>(false);
  auto cancelled = Task(2, 9);
  cancelled->cancelled = was_cancelled;
  auto expired = Task(3, 9, 1);
  expired->deadline = now_ + absl::Nanoseconds(1);
  auto in_time = Task(4, 5);
  in_time->deadline = now_ + absl::Nanoseconds(2);
  ASSERT_TRUE(Schedule(batcher, Task(1, 5), std::move(cancelled), std::move(expired), std::move(in_time)).ok());
  *was_cancelled = true;
  now_ += absl::Nanoseconds(1);
  EXPECT_THAT(NextIds(batcher), ElementsAre(1, 4));
  EXPECT_THAT(log_.ends[2], ElementsAre("CANCELLED"));
  EXPECT_THAT(log_.ends[3], ElementsAre("DEADLINE_EXCEEDED"));
}

TEST_F(TokenBudgetBatcherTest, DropsTasksThatAreDeadOnArrivalWithoutWaitingForTheConsumer) {
  TokenBudgetBatcher batcher = Make(10);
  auto cancelled = Task(2, 1);
  cancelled->cancelled = std::make_shared<std::atomic<bool>>(true);
  auto expired = Task(3, 1);
  expired->deadline = now_;
  ASSERT_TRUE(Schedule(batcher, Task(1, 1), std::move(cancelled), std::move(expired)).ok());
  EXPECT_THAT(log_.ends[2], ElementsAre("CANCELLED"));
  EXPECT_THAT(log_.ends[3], ElementsAre("DEADLINE_EXCEEDED"));
  EXPECT_THAT(NextIds(batcher), ElementsAre(1));
}

TEST_F(TokenBudgetBatcherTest, DropsDeadTasksWithoutWaitingForTheConsumer) {
  TokenBudgetBatcher batcher = Make(10);
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  auto task = Task(2, 1);
  task->cancelled = cancelled;
  ASSERT_TRUE(Schedule(batcher, Task(1, 1), std::move(task), Task(3, 1)).ok());
  batcher.DropDead();
  EXPECT_TRUE(log_.ends.empty());
  *cancelled = true;
  batcher.DropDead();
  EXPECT_THAT(log_.ends[2], ElementsAre("CANCELLED"));
  EXPECT_THAT(NextIds(batcher), ElementsAre(1, 3));
}

TEST_F(TokenBudgetBatcherTest, RefusesTasksAfterShutdownAndLeavesThemToTheCaller) {
  TokenBudgetBatcher batcher = Make(10);
  ASSERT_TRUE(Schedule(batcher, Task(1, 1)).ok());
  batcher.Shutdown();
  EXPECT_THAT(log_.ends[1], ElementsAre("UNAVAILABLE"));
  std::vector<std::unique_ptr<BatchTask>> group;
  group.push_back(Task(2, 1));
  EXPECT_EQ(batcher.Schedule(group).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(group.size(), 1);
  EXPECT_TRUE(batcher.NextBatch().empty());
}

TEST_F(TokenBudgetBatcherTest, ShutdownWakesAWaitingConsumer) {
  TokenBudgetBatcher batcher = Make(10);
  std::thread consumer([&batcher] { EXPECT_TRUE(batcher.NextBatch().empty()); });
  batcher.Shutdown();
  consumer.join();
}

// Any trace of arrivals, cancellations and a shutdown in the middle: every task ends exactly once, batches hold one
// model and keep to the budget, and a group meets its model's order.
TEST_F(TokenBudgetBatcherTest, EndsEveryTaskExactlyOnceWhateverArrives) {
  for (int seed = 0; seed < 20; ++seed) {
    constexpr int64_t kBudget = 64;
    constexpr int kProducers = 3;
    constexpr int kGroups = 60;
    Log log;
    TokenBudgetBatcher batcher({.max_batch_tokens = kBudget});
    std::atomic<int> next_id{0};
    std::thread consumer([&] {
      while (true) {
        const std::vector<std::unique_ptr<BatchTask>> batch = batcher.NextBatch();
        if (batch.empty()) return;
        int64_t tokens = 0;
        for (const auto& task : batch) {
          tokens += task->tokens;
          EXPECT_EQ(task->model_key, batch.front()->model_key);
          log.Add(static_cast<FakeTask&>(*task).id, "ran");
        }
        EXPECT_TRUE(tokens <= kBudget || batch.size() == 1) << tokens << " tokens in " << batch.size() << " tasks";
      }
    });
    std::vector<std::thread> producers;
    for (int producer = 0; producer < kProducers; ++producer) {
      producers.emplace_back([&, producer] {
        std::mt19937 random(seed * kProducers + producer);
        for (int g = 0; g < kGroups; ++g) {
          std::vector<std::unique_ptr<BatchTask>> group;
          for (int count = 1 + random() % 5; count > 0; --count) {
            auto task = Task(next_id++, 1 + random() % 100, random() % 2);
            task->log = &log;
            if (random() % 8 == 0) task->cancelled = std::make_shared<std::atomic<bool>>(true);
            if (random() % 8 == 0) task->deadline = absl::InfinitePast();
            group.push_back(std::move(task));
          }
          const absl::Status status = batcher.Schedule(group);
          for (auto& task : group) task->Drop(status);
          if (random() % 4 == 0) batcher.DropDead();
          if (producer == 0 && g == kGroups / 2 && seed % 2 == 1) batcher.Shutdown();
        }
      });
    }
    for (std::thread& producer : producers) producer.join();
    batcher.Shutdown();
    consumer.join();
    EXPECT_EQ(static_cast<int>(log.ends.size()), next_id.load());
    for (const auto& [id, ends] : log.ends) EXPECT_EQ(ends.size(), 1) << "task " << id << ", seed " << seed;
  }
}

}  // namespace
}  // namespace vitok
