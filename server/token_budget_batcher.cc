#include "server/token_budget_batcher.h"

#include <utility>

#include "server/status_details.h"

namespace vitok {
namespace {

// Why `task` must not run, OK if it may.
absl::Status CheckAlive(const BatchTask& task, absl::Time now) {
  if (task.cancelled != nullptr && task.cancelled->load(std::memory_order_relaxed)) {
    return absl::CancelledError("cancelled by the client before it ran");
  }
  if (task.deadline <= now) return absl::DeadlineExceededError("deadline passed before it ran");
  return absl::OkStatus();
}

}  // namespace

absl::Status TokenBudgetBatcher::Schedule(std::vector<std::unique_ptr<BatchTask>>& tasks) {
  std::vector<Dropped> dropped;
  {
    absl::MutexLock lock(&mutex_);
    if (shut_down_) return DrainingError();
    const absl::Time now = options_.now();
    for (std::unique_ptr<BatchTask>& task : tasks) {
      // A client that gave up before this point has had its DropDead: nobody else would look before the next batch.
      if (absl::Status alive = CheckAlive(*task, now); alive.ok()) {
        queue_.push_back(std::move(task));
      } else {
        dropped.push_back({std::move(task), std::move(alive)});
      }
    }
    tasks.clear();
  }
  DropAll(std::move(dropped));
  return absl::OkStatus();
}

std::vector<std::unique_ptr<BatchTask>> TokenBudgetBatcher::NextBatch() {
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return shut_down_ || !queue_.empty(); };
  while (true) {
    std::vector<std::unique_ptr<BatchTask>> batch;
    std::vector<Dropped> dropped;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&ready));
      if (queue_.empty()) return {};
      batch = TakeBatch(dropped);
    }
    DropAll(std::move(dropped));
    if (!batch.empty()) return batch;
  }
}

std::vector<std::unique_ptr<BatchTask>> TokenBudgetBatcher::TakeBatch(std::vector<Dropped>& dropped) {
  const absl::Time now = options_.now();
  std::vector<std::unique_ptr<BatchTask>> batch;
  int64_t batch_tokens = 0;
  while (!queue_.empty()) {
    const BatchTask& next = *queue_.front();
    if (absl::Status alive = CheckAlive(next, now); !alive.ok()) {
      dropped.push_back({std::move(queue_.front()), std::move(alive)});
      queue_.pop_front();
      continue;
    }
    if (!batch.empty()) {
      const BatchTask& first = *batch.front();
      if (next.model_key != first.model_key || next.op != first.op) break;
      if (next.tokens > options_.max_batch_tokens - batch_tokens) break;
    }
    batch_tokens += next.tokens;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void TokenBudgetBatcher::DropDead() {
  std::vector<Dropped> dropped;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = options_.now();
    std::deque<std::unique_ptr<BatchTask>> alive;
    for (std::unique_ptr<BatchTask>& task : queue_) {
      if (absl::Status status = CheckAlive(*task, now); status.ok()) {
        alive.push_back(std::move(task));
      } else {
        dropped.push_back({std::move(task), std::move(status)});
      }
    }
    queue_.swap(alive);
  }
  DropAll(std::move(dropped));
}

void TokenBudgetBatcher::DropAll(std::vector<Dropped> dropped) {
  for (Dropped& entry : dropped) entry.task->Drop(std::move(entry.status));
}

void TokenBudgetBatcher::Shutdown() {
  std::deque<std::unique_ptr<BatchTask>> left;
  {
    absl::MutexLock lock(&mutex_);
    shut_down_ = true;
    left.swap(queue_);
  }
  for (std::unique_ptr<BatchTask>& task : left) task->Drop(DrainingError());
}

}  // namespace vitok
