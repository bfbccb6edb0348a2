// First-in-first-out queue of one device that hands out batches within a token budget. Free of torch.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/batch_task.h"

namespace vitok {

// Producers call Schedule, one consumer thread calls NextBatch in a loop until it returns an empty batch:
//
//   while (true) {
//     std::vector<std::unique_ptr<BatchTask>> batch = batcher.NextBatch();
//     if (batch.empty()) return;
//     Run(std::move(batch));
//   }
//
// Every task that Schedule took ends exactly once: in a batch, or by BatchTask::Drop. What waits is bounded by
// Admission, which every request passes before its tasks exist. Owns no thread. Thread-safe.
class TokenBudgetBatcher {
 public:
  struct Options {
    int64_t max_batch_tokens = 16384;              // REQUIRES: positive
    std::function<absl::Time()> now = &absl::Now;  // for deadlines
  };

  explicit TokenBudgetBatcher(Options options) : options_(std::move(options)) {}
  ~TokenBudgetBatcher() { Shutdown(); }
  TokenBudgetBatcher(const TokenBudgetBatcher&) = delete;
  TokenBudgetBatcher& operator=(const TokenBudgetBatcher&) = delete;

  // Appends all of `tasks` in one step, so that nothing comes between them: the tasks of one request meet in the same
  // batches however busy the server is. Never blocks. Takes the tasks (leaving `tasks` empty) iff OK.
  // UNAVAILABLE (DRAINING) after Shutdown.
  absl::Status Schedule(std::vector<std::unique_ptr<BatchTask>>& tasks);

  // Blocks until there is work or Shutdown was called. Returns the longest prefix of the queue that has one model and
  // op and at most max_batch_tokens tokens; a task larger than that comes alone. Tasks that are cancelled (CANCELLED)
  // or past their deadline (DEADLINE_EXCEEDED) are dropped on the way. Empty: shut down.
  std::vector<std::unique_ptr<BatchTask>> NextBatch();

  // Drops all tasks that are cancelled or past their deadline now, so that they do not wait for the running batch.
  void DropDead();

  // Refuses new tasks, drops those that wait with UNAVAILABLE and wakes NextBatch. Idempotent.
  void Shutdown();

 private:
  struct Dropped {
    std::unique_ptr<BatchTask> task;
    absl::Status status;
  };
  static void DropAll(std::vector<Dropped> dropped);

  // Moves the next batch out of the queue, and what must be dropped before it into `dropped`.
  std::vector<std::unique_ptr<BatchTask>> TakeBatch(std::vector<Dropped>& dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;

  absl::Mutex mutex_;
  std::deque<std::unique_ptr<BatchTask>> queue_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vitok
