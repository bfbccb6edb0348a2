// Cuts off clients that do not take their replies. Free of torch.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace vitok {

// gRPC's flow control holds a reply back for as long as its client does not read, for ever if need be; the reply's
// memory is taken for that time. Owns a thread that ends what takes longer than the timeout. Thread-safe.
class SendWatch {
 public:
  // REQUIRES: timeout is positive.
  explicit SendWatch(absl::Duration timeout);
  ~SendWatch();
  SendWatch(const SendWatch&) = delete;
  SendWatch& operator=(const SendWatch&) = delete;

  // A reply begins its way. `cut_off` is called at most once, on the watch's thread, if it takes too long. Returns a
  // number for End.
  uint64_t Begin(std::function<void()> cut_off);

  // The reply has left, or failed. When this has returned, its cut_off does not run and will not; except that cut_off
  // itself may call it.
  void End(uint64_t send);

 private:
  struct Send {
    absl::Time deadline;
    std::function<void()> cut_off;
  };

  void CutOffUntilStopped();

  const absl::Duration timeout_;
  absl::Mutex mutex_;
  std::map<uint64_t, Send> sends_ ABSL_GUARDED_BY(mutex_);  // by number, and so by deadline
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t cutting_off_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
