#include "server/batching/watchdog.h"

#include <utility>

#include "core/base/monotonic_clock.h"
#include "core/base/named_thread.h"

namespace vitok {

Watchdog::Watchdog() : thread_(NamedThread("vitok-watchdog", [this] { Run(); })) {}

Watchdog::~Watchdog() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void Watchdog::Arm(absl::Time limit, absl::AnyInvocable<void() &&> bark) {
  absl::MutexLock lock(&mutex_);
  armed_ = true;
  barked_ = false;
  limit_ = limit;
  bark_ = std::move(bark);
  // Work ends long before its limit as a rule, and the thread sleeps on; to wake it for every piece of work would cost
  // more than small work does.
  if (limit < wakes_at_) changed_.SignalAll();
}

bool Watchdog::Disarm() {
  absl::MutexLock lock(&mutex_);
  while (barking_) changed_.Wait(&mutex_);
  armed_ = false;
  limit_ = absl::InfiniteFuture();
  bark_ = nullptr;
  return !barked_;
}

void Watchdog::Run() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    if (!armed_ || barked_ || MonotonicNow() < limit_) {
      wakes_at_ = armed_ && !barked_ ? limit_ : absl::InfiniteFuture();
      changed_.WaitWithTimeout(&mutex_, wakes_at_ - MonotonicNow());
      continue;
    }
    barking_ = true;
    absl::AnyInvocable<void()&&> bark = std::move(bark_);
    mutex_.Unlock();
    std::move(bark)();
    mutex_.Lock();
    barking_ = false;
    barked_ = true;
    changed_.SignalAll();
  }
}

}  // namespace vitok
