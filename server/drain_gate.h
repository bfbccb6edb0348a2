// Counts the calls in progress and closes the door for new ones when the server shuts down. Free of torch.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vitok {

// Thread-safe.
class DrainGate {
 public:
  // True: the call is counted and must Leave once. False: the server drains; refuse the call.
  [[nodiscard]] bool Enter() {
    absl::MutexLock lock(&mutex_);
    if (draining_) {
      ++refused_;
      return false;
    }
    ++calls_;
    return true;
  }

  void Leave() {
    absl::MutexLock lock(&mutex_);
    --calls_;
  }

  // From here on Enter returns false. Waits until no call is left, at most `grace`; false: some are still there.
  bool Drain(absl::Duration grace) {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    const auto idle = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; };
    return mutex_.AwaitWithTimeout(absl::Condition(&idle), grace);
  }

  // After Drain: waits until no call has been refused for `quiet`, at most `patience`. gRPC cancels calls that arrive
  // while it shuts down, without an answer they could act on; so it should shut down when the clients have gone.
  void AwaitQuiet(absl::Duration quiet, absl::Duration patience) {
    absl::MutexLock lock(&mutex_);
    const absl::Time end = absl::Now() + patience;
    int64_t seen = refused_;
    const auto more = [this, &seen]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return refused_ != seen; };
    while (mutex_.AwaitWithTimeout(absl::Condition(&more), std::min(quiet, end - absl::Now()))) {
      seen = refused_;
      if (absl::Now() >= end) return;
    }
  }

 private:
  absl::Mutex mutex_;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vitok
