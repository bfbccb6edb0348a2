#include "server/running_batch.h"

#include <algorithm>
#include <utility>

namespace vitok {

RunningBatch::RunningBatch(Batch batch, BatchTrace batch_trace) : trace(std::move(batch_trace)) {
  std::vector<std::unique_ptr<BatchTask>> tasks = std::exchange(batch.tasks, {});
  batch_ = std::move(batch);
  record = {.tokens = batch_.size.tokens, .images = static_cast<int64_t>(tasks.size()), .reason = batch_.reason};
  for (std::unique_ptr<BatchTask>& queued : tasks) {
    std::unique_ptr<TokenizerTask> task(static_cast<TokenizerTask*>(queued.release()));
    if (model_ == nullptr) model_ = task->model;
    trace.AddRequest(task->trace);
    record.padded_tokens += std::max<int64_t>(0, model_->attend_padding_to - task->tokens);
    items_.push_back(std::move(task->item));
    item_owners_.push_back(std::move(task->item_owner));
    tasks_.push_back(std::move(task));
  }
  record.model = model_->key;
  times.trace = trace.context();
  times.alone = size() == 1;
}

void RunningBatch::ForgetItems() {
  items_.clear();
  item_owners_.clear();
}

std::vector<std::unique_ptr<TokenizerTask>> RunningBatch::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(tasks_, {});
}

void RunningBatch::Answer(BatchResults results) {
  const std::vector<std::unique_ptr<TokenizerTask>> tasks = Take();
  for (size_t i = 0; i < tasks.size(); ++i) std::move(tasks[i]->done)(std::move(results[i]), times);
}

void RunningBatch::Drop(const absl::Status& status) {
  for (const std::unique_ptr<TokenizerTask>& task : Take()) task->Drop(status);
}

}  // namespace vitok
