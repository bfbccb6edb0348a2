// Notices work that does not end. Free of torch.
#pragma once

#include <cstdint>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace vitok {

// Watches one piece of work at a time:
//
//   watchdog.Arm(MonotonicNow() + limit, [...] { ... the work hangs ... });
//   ... the work ...
//   if (!watchdog.Disarm()) ... it took too long and the callback has been called ...
//
// Owns a thread, on which the callback runs. Thread-safe.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // REQUIRES: not armed. InfiniteFuture never barks.
  void Arm(absl::Time limit, absl::AnyInvocable<void() &&> bark);

  // True if it did not bark. False: the callback has been called and has returned. REQUIRES: armed.
  bool Disarm();

 private:
  void Run();

  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool armed_ ABSL_GUARDED_BY(mutex_) = false;
  bool barking_ ABSL_GUARDED_BY(mutex_) = false;
  bool barked_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time limit_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Time wakes_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();  // the thread, if nobody wakes it before
  absl::AnyInvocable<void() &&> bark_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
