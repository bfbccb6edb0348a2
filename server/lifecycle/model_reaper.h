// What happens once nobody uses a model any more. Free of torch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "core/base/thread_pool.h"

namespace vitok {

// A model goes when the last request that uses it lets go of it, on whatever thread that is; what is to be done then is
// done on the reaper's own. Models are known by LoadedModel::id. Thread-safe; outlives the models.
class ModelReaper {
 public:
  using Job = absl::AnyInvocable<void()>;

  ModelReaper() = default;
  ~ModelReaper() { Stop(); }
  ModelReaper(const ModelReaper&) = delete;
  ModelReaper& operator=(const ModelReaper&) = delete;

  // The model exists from here on; `clean_up` is called first when it is gone.
  void Born(uint64_t model, Job clean_up);

  // The model is gone, its memory too. Called by its destructor; does not block.
  void Gone(uint64_t model);

  // Calls `then` once the model is gone and cleaned up after: soon, if it is.
  void WhenGone(uint64_t model, Job then);

  // Ends the jobs that were begun; none begins any more.
  void Stop();

 private:
  absl::Mutex mutex_;
  std::map<uint64_t, Job> alive_ ABSL_GUARDED_BY(mutex_);         // clean_up by model
  std::multimap<uint64_t, Job> waiting_ ABSL_GUARDED_BY(mutex_);  // then by model
  std::unique_ptr<ThreadPool> thread_ ABSL_GUARDED_BY(mutex_) = std::make_unique<ThreadPool>("vitok-reap",
                                                                                             1);  // nullptr: stopped
};

}  // namespace vitok
