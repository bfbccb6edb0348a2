// The pool that decodes, preprocesses and builds replies.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "core/base/thread_pool.h"

namespace vitok {

// Jobs run under InferenceMode with ATen on one thread: many items are in work at once, and a team of threads for each
// would fight over the cores with the others and with the model. Thread-safe; the destructor ends all jobs first.
class CpuJobs {
 public:
  // REQUIRES: num_threads >= 1.
  explicit CpuJobs(int num_threads) : pool_("vitok-job", num_threads) {}

  // Never blocks. `job` must not throw.
  void Schedule(absl::AnyInvocable<void() &&> job);

  // Runs `job` on this thread, as the pool's threads would: for what takes less time than to wake one of them.
  static void RunHere(absl::FunctionRef<void()> job);

 private:
  ThreadPool pool_;
};

}  // namespace vitok
