// Bound on the work of one device: what is admitted and not finished, in items and in tokens. Free of torch.
#pragma once

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace vitok {

// A request is admitted as a whole, before its pictures are decoded, and holds its permit until its reply is built: so
// memory and waiting time stay bounded at any load, and a refusal costs next to nothing. Thread-safe.
class Admission {
 public:
  struct Options {
    int64_t max_items = 1024;      // REQUIRES: positive
    int64_t max_tokens = 1048576;  // REQUIRES: positive
  };

  // The right of a request to be worked on; gives its share back when destroyed. Must not outlive its Admission.
  class Permit {
   public:
    Permit() = default;
    ~Permit() { Release(); }
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&& other) noexcept;

    int64_t items() const { return items_; }
    int64_t tokens() const { return tokens_; }

   private:
    friend class Admission;
    Permit(Admission* admission, int64_t items, int64_t tokens)
        : admission_(admission), items_(items), tokens_(tokens) {}
    void Release();

    Admission* admission_ = nullptr;  // not owned
    int64_t items_ = 0;
    int64_t tokens_ = 0;
  };

  explicit Admission(Options options) : options_(options) {}

  // Never blocks. RESOURCE_EXHAUSTED with RetryInfo: no room now. INVALID_ARGUMENT: the request alone is larger than a
  // bound, which it names; no retry can help.
  absl::StatusOr<Permit> Admit(int64_t items, int64_t tokens);

  // Tells how fast the device works, for the delay in RetryInfo.
  void RecordBatch(int64_t tokens, absl::Duration duration);

 private:
  void Release(int64_t items, int64_t tokens);

  // When `excess_tokens` will probably have been worked off.
  absl::Duration RetryAfter(int64_t excess_tokens) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;

  absl::Mutex mutex_;
  int64_t items_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  double tokens_per_second_ ABSL_GUARDED_BY(mutex_) = 0;  // moving average; 0: nothing ran yet
};

}  // namespace vitok
