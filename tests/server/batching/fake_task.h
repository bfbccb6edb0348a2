// Tasks without work, and a log of how they ended.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/batching/batch_task.h"

namespace vitok {

// Ends of tasks by id: "ran" or the code a task was dropped with. Thread-safe.
class TaskLog {
 public:
  void Add(int id, std::string end) {
    absl::MutexLock lock(&mutex_);
    ends_[id].push_back(std::move(end));
  }
  std::map<int, std::vector<std::string>> ends() const {
    absl::MutexLock lock(&mutex_);
    return ends_;
  }
  std::vector<std::string> of(int id) const {
    absl::MutexLock lock(&mutex_);
    const auto found = ends_.find(id);
    return found == ends_.end() ? std::vector<std::string>() : found->second;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<int, std::vector<std::string>> ends_ ABSL_GUARDED_BY(mutex_);
};

struct FakeTask : BatchTask {
  void Drop(absl::Status status) override {
    if (log != nullptr) log->Add(id, absl::StatusCodeToString(status.code()));
  }

  int id = 0;
  TaskLog* log = nullptr;
};

// The id is also the number of its request.
inline std::unique_ptr<FakeTask> MakeTask(int id, int64_t tokens, TaskLog* log = nullptr, uint64_t model = 1) {
  auto task = std::make_unique<FakeTask>();
  task->id = id;
  task->request = id;
  task->tokens = tokens;
  task->lane.model = model;
  task->log = log;
  return task;
}

inline std::unique_ptr<FakeTask> MakeTask(int id, int64_t tokens, Priority priority, TaskLog* log = nullptr,
                                          uint64_t model = 1) {
  auto task = MakeTask(id, tokens, log, model);
  task->priority = priority;
  return task;
}

}  // namespace vitok
