// Bound on the work of one device: what is admitted and not finished, in items, tokens and bytes. Free of torch.
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
    int64_t max_items = 1024;              // REQUIRES: positive
    int64_t max_tokens = 1048576;          // REQUIRES: positive
    int64_t max_bytes = int64_t{4} << 30;  // REQUIRES: positive
  };

  // What a request takes of the bounds.
  struct Load {
    int64_t items = 0;
    int64_t tokens = 0;
    int64_t bytes = 0;  // of host memory while it is worked on
  };

  // The right of a request to be worked on; gives its share back when destroyed. Must not outlive its Admission.
  class Permit {
   public:
    Permit() = default;
    ~Permit() { Release(); }
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&& other) noexcept;

    const Load& load() const { return load_; }

    // Gives back all but `rest`, or what there is of it.
    void Keep(const Load& rest);

   private:
    friend class Admission;
    Permit(Admission* admission, const Load& load) : admission_(admission), load_(load) {}
    void Release();

    Admission* admission_ = nullptr;  // not owned
    Load load_;
  };

  explicit Admission(Options options) : options_(options) {}

  // Never blocks. RESOURCE_EXHAUSTED with RetryInfo: no room now. INVALID_ARGUMENT: the request alone is larger than a
  // bound, which it names; no retry can help.
  absl::StatusOr<Permit> Admit(const Load& load);

  // Whether there is room for anything at all: the refusal that Admit would give to the smallest request. For those who
  // do not know yet how large theirs is.
  absl::Status CheckRoom() const;

  // Tells how fast the device works, for the delay in RetryInfo.
  void RecordBatch(int64_t tokens, absl::Duration duration);

 private:
  void Release(const Load& load);
  absl::Status CheckRoomFor(const Load& load) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // When `excess_tokens` will probably have been worked off.
  absl::Duration RetryAfter(double excess_tokens) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const Options options_;

  mutable absl::Mutex mutex_;
  Load load_ ABSL_GUARDED_BY(mutex_);
  double tokens_per_second_ ABSL_GUARDED_BY(mutex_) = 0;  // moving average; 0: nothing ran yet
};

}  // namespace vitok
