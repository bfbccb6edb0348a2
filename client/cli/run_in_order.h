// Several pieces of work at a time, results in the order of the pieces.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/base/thread_pool.h"

namespace vitok {

// Calls work(i) for i in [0, count) on up to `in_flight` threads, and report(i, result) on the calling thread for each
// i in turn as soon as it and all before it are done. Returns after the last report. REQUIRES: in_flight >= 1.
template <typename Result>
void RunInOrder(size_t count, int in_flight, const std::function<Result(size_t)>& work,
                const std::function<void(size_t, Result)>& report) {
  absl::Mutex mutex;
  std::vector<std::optional<Result>> results(count);
  ThreadPool pool("vitok-request", in_flight);
  for (size_t i = 0; i < count; ++i) {
    pool.Schedule([i, &work, &mutex, &results] {
      Result result = work(i);
      absl::MutexLock lock(&mutex);
      results[i] = std::move(result);
    });
  }
  for (size_t i = 0; i < count; ++i) {
    std::optional<Result> result;
    {
      std::optional<Result>& slot = results[i];
      absl::MutexLock lock(&mutex, absl::Condition(
                                       +[](std::optional<Result>* s) { return s->has_value(); }, &slot));
      result.swap(slot);
    }
    report(i, *std::move(result));
  }
}

}  // namespace vitok
