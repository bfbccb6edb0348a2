#include "server/lifecycle/model_reaper.h"

#include <utility>

namespace vitok {

void ModelReaper::Born(uint64_t model, Job clean_up) {
  absl::MutexLock lock(&mutex_);
  alive_.emplace(model, std::move(clean_up));
}

void ModelReaper::Gone(uint64_t model) {
  absl::MutexLock lock(&mutex_);
  auto clean_up = alive_.extract(model);
  if (thread_ == nullptr) return;
  if (!clean_up.empty()) thread_->Schedule(std::move(clean_up.mapped()));
  while (auto then = waiting_.extract(model)) thread_->Schedule(std::move(then.mapped()));
}

void ModelReaper::WhenGone(uint64_t model, Job then) {
  absl::MutexLock lock(&mutex_);
  if (thread_ == nullptr) return;
  if (alive_.count(model) > 0) {
    waiting_.emplace(model, std::move(then));
  } else {
    thread_->Schedule(std::move(then));
  }
}

void ModelReaper::Stop() {
  std::unique_ptr<ThreadPool> thread;
  std::multimap<uint64_t, Job> never;
  {
    absl::MutexLock lock(&mutex_);
    thread = std::move(thread_);
    never = std::move(waiting_);
  }
}

}  // namespace vitok
