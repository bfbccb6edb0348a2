// Counts the calls in progress and closes the door for new ones when the server shuts down. Free of torch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vitok {

// Thread-safe.
class DrainGate {
 public:
  // Counts a call for as long as it lives. The last thing a call lets go: the server may be gone afterwards.
  class Ticket {
   public:
    Ticket() = default;
    ~Ticket() {
      if (gate_ != nullptr) gate_->Leave();
    }
    Ticket(Ticket&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Ticket& operator=(Ticket&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }

   private:
    friend class DrainGate;
    explicit Ticket(DrainGate* gate) : gate_(gate) {}

    DrainGate* gate_ = nullptr;  // not owned
  };

  // nullopt: the server drains; refuse the call.
  [[nodiscard]] std::optional<Ticket> Enter() {
    absl::MutexLock lock(&mutex_);
    if (draining_) {
      ++refused_;
      return std::nullopt;
    }
    ++calls_;
    return Ticket(this);
  }

  // For what stays open without being a call in progress: `on_drain` is called once, when the server begins to drain,
  // at once if it does so already. It must not block, nor call the gate. Returns a number for Forget.
  uint64_t Watch(std::function<void()> on_drain) {
    absl::MutexLock lock(&mutex_);
    if (draining_) on_drain();
    watchers_.emplace(++last_watcher_, std::move(on_drain));
    return last_watcher_;
  }

  // When this has returned, on_drain does not run and will not.
  void Forget(uint64_t watcher) {
    absl::MutexLock lock(&mutex_);
    watchers_.erase(watcher);
  }

  // From here on Enter returns nullopt. Waits until no call is left, at most `grace`; false: some are still there.
  bool Drain(absl::Duration grace) {
    absl::MutexLock lock(&mutex_);
    if (!std::exchange(draining_, true)) {
      for (const auto& [number, on_drain] : watchers_) on_drain();
    }
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
  void Leave() {
    absl::MutexLock lock(&mutex_);
    --calls_;
  }

  absl::Mutex mutex_;
  std::map<uint64_t, std::function<void()>> watchers_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_watcher_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t refused_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vitok
