// A fixed set of threads for short CPU jobs (image decoding, preprocessing, reply encoding).
#pragma once

#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace vitok {

// Jobs start in the order of Schedule. The queue itself is unbounded: whoever schedules bounds what is in flight
// (the server does it by admission). Thread-safe. The destructor runs every job already scheduled, then joins.
//
//   ThreadPool pool("decode", 4);
//   pool.Schedule([image = std::move(image)]() mutable { Decode(std::move(image)); });
class ThreadPool {
 public:
  // `name`: of its threads, as NamedThread. REQUIRES: num_threads >= 1.
  ThreadPool(const char* name, int num_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Never blocks. REQUIRES: not called after destruction began, except from a running job.
  void Schedule(absl::AnyInvocable<void()> job);

  int num_threads() const { return static_cast<int>(threads_.size()); }

 private:
  void RunJobs();

  absl::Mutex mutex_;
  std::deque<absl::AnyInvocable<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace vitok
