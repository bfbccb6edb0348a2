// A batch from the queue until all of its tasks are answered.
#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/model/tokenizer_batch.h"
#include "server/batching/token_budget_batcher.h"
#include "server/run_batch.h"
#include "server/server_metrics.h"
#include "server/tokenizer_task.h"
#include "server/tracing/tracer.h"

namespace vitok {

// Belongs to the thread that works on it, but for Drop, which a watchdog may call at any time.
class RunningBatch {
 public:
  // REQUIRES: all tasks of `batch` are TokenizerTasks, at least one.
  RunningBatch(Batch batch, BatchTrace trace);

  // Its tasks wait in RunningBatch; what else the queue must know of it.
  const Batch& batch() const { return batch_; }
  const LoadedModel& model() const { return *model_; }
  size_t size() const { return static_cast<size_t>(record.images); }

  // What goes into the model; views of memory that stays until ForgetItems.
  const std::vector<TokenizerItem>& items() const { return items_; }
  void ForgetItems();

  // Set when it is submitted.
  std::unique_ptr<PendingBatch> pending;
  TaskTimes times;
  ServerMetrics::BatchRecord record;  // `duration` is set when it ends
  BatchTrace trace;

  // Answers all tasks, one result each, unless Drop has done so.
  void Answer(BatchResults results);

  // Answers all tasks with `status`, unless they have been.
  void Drop(const absl::Status& status);

 private:
  std::vector<std::unique_ptr<TokenizerTask>> Take();

  Batch batch_;
  std::shared_ptr<LoadedModel> model_;
  std::vector<TokenizerItem> items_;
  std::vector<std::shared_ptr<const void>> item_owners_;
  absl::Mutex mutex_;
  // Whoever takes the tasks answers them; the next one finds none.
  std::vector<std::unique_ptr<TokenizerTask>> tasks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vitok
