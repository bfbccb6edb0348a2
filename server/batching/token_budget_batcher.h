// The queue of one device: forms batches within budgets, by class of service, fairly over models. Free of torch.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/monotonic_clock.h"
#include "server/batching/batch_task.h"
#include "server/batching/class_credits.h"
#include "server/batching/cost_model.h"
#include "server/batching/fair_share.h"
#include "server/batching/lane.h"

namespace vitok {

// Why a batch holds no more tasks.
enum class CloseReason {
  kFull,   // more waited than fitted
  kDelay,  // its oldest task had waited max_delay behind a busy device
  kIdle,   // the device was free
};

struct Batch {
  LaneKey lane;
  std::vector<std::unique_ptr<BatchTask>> tasks;
  BatchSize size;
  CloseReason reason = CloseReason::kIdle;
  absl::Duration predicted;  // device time; zero: nothing is known of this lane yet
  uint64_t number = 0;       // of this batcher's batches, in order
};

// Producers call Schedule; a consumer calls NextBatch until it returns nothing, and BatchDone when a batch has left the
// device. A second thread runs DropExpiredUntilShutdown.
//
//   while (std::optional<Batch> batch = batcher.NextBatch()) {
//     ... run it ...
//     batcher.BatchDone(*batch, duration);
//   }
//
// While the device is free, the next batch goes at once with what is there. While it is busy, batches are made ready
// ahead (`prefetch`), but only full ones or those whose oldest task has waited max_delay: an early batch is a small
// one. Which tasks: the class by ClassCredits, of that class the model by FairShare, of that model the op whose task is
// oldest, then Lane::PickBatch.
//
// Every task that Schedule took ends exactly once: in a batch, or by BatchTask::Drop. What waits is bounded by
// Admission, which every request passes before its tasks exist. Owns no thread. Thread-safe.
class TokenBudgetBatcher {
 public:
  struct Options {
    BatchBudget budget;
    absl::Duration max_delay = absl::Milliseconds(20);       // REQUIRES: not negative
    absl::Duration max_overtaking = absl::Milliseconds(50);  // REQUIRES: not negative
    int prefetch = 2;                                        // batches out at a time, the running one included; >= 1
    std::function<absl::Time()> now = &MonotonicNow;
  };

  explicit TokenBudgetBatcher(Options options) : options_(std::move(options)) {}
  ~TokenBudgetBatcher() { Shutdown(absl::UnavailableError("the server is shutting down")); }
  TokenBudgetBatcher(const TokenBudgetBatcher&) = delete;
  TokenBudgetBatcher& operator=(const TokenBudgetBatcher&) = delete;

  // What is known of a lane's costs before its first batch.
  void SetCostModel(const LaneKey& lane, const CostModel& model);

  // Drops all that is known of a model that is gone. REQUIRES: no task of it waits, runs or comes.
  void ForgetModel(uint64_t model);

  // Adds all of `tasks` in one step. Those past their deadline are dropped at once. Never blocks. Takes the tasks
  // (leaving `tasks` empty) iff OK; after Shutdown it returns the status given there.
  absl::Status Schedule(std::vector<std::unique_ptr<BatchTask>>& tasks);

  // Drops the waiting tasks of a request with CANCELLED, in time proportional to their number. Tasks of a request that
  // is scheduled after it was cancelled stay: the caller looks once more when Schedule has returned.
  void Cancel(uint64_t request);

  // Device time until a task of `lane` that came now would be done, from what waits before it, what runs and its own
  // cost; zero unless the lane has a fitted cost model.
  absl::Duration PredictTime(const LaneKey& lane, Priority priority, const BatchSize& size) const;

  // Blocks until a batch is ready and fewer than `prefetch` are out, or Shutdown was called: then nullopt.
  std::optional<Batch> NextBatch();

  // NextBatch without waiting: nullopt if none is ready now.
  std::optional<Batch> TryNextBatch();

  // The batch has left the device after so much device time; zero if it did not run (its costs teach nothing).
  void BatchDone(const Batch& batch, absl::Duration duration);

  // Drops what is past its deadline with DEADLINE_EXCEEDED. Returns when the next deadline passes.
  absl::Time DropExpired();

  // Calls DropExpired whenever a deadline passes, until Shutdown. For a thread of its own.
  void DropExpiredUntilShutdown();

  // Refuses new tasks with `status` (an error) and drops those that wait with it; wakes everyone who waits. The first
  // call decides.
  void Shutdown(absl::Status status);

 private:
  struct LaneState {
    Lane lane;
    CostModel costs;
  };
  // Tasks to drop once the lock is released, since Drop runs foreign code.
  using Dropped = std::vector<WaitingTask>;
  static void DropAll(Dropped dropped, const absl::Status& status);

  WaitingTask Unlink(WaitingList::iterator task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Dropped UnlinkExpired() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ModelWaits(uint64_t model) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool IsReady(const Lane& lane) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // The lane and class to serve among those that are ready; nullopt if none is.
  std::optional<std::pair<LaneKey, Priority>> ChooseLeader() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  std::optional<Batch> FormBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When waiting alone makes a lane ready.
  absl::Time NextReady() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Options options_;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;                           // a batch may be ready, or Shutdown
  absl::CondVar deadlines_changed_;                 // an earlier deadline came, or Shutdown
  absl::Status shut_down_ ABSL_GUARDED_BY(mutex_);  // OK: not
  std::map<LaneKey, LaneState> lanes_ ABSL_GUARDED_BY(mutex_);
  ClassCredits credits_ ABSL_GUARDED_BY(mutex_);
  FairShare shares_ ABSL_GUARDED_BY(mutex_);
  std::multimap<absl::Time, WaitingList::iterator> deadlines_ ABSL_GUARDED_BY(mutex_);
  // When DropExpiredUntilShutdown looks next, if nobody wakes it before: a later deadline need not.
  absl::Time deadlines_checked_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::flat_hash_map<uint64_t, std::vector<WaitingList::iterator>> requests_ ABSL_GUARDED_BY(mutex_);
  std::array<absl::Duration, kPriorities> waiting_cost_ ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, absl::Duration> out_ ABSL_GUARDED_BY(mutex_);  // predicted time by number, in order
  absl::Time running_since_ ABSL_GUARDED_BY(mutex_);                // the first of them
  uint64_t batches_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace vitok
