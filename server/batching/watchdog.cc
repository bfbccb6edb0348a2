#include "server/batching/watchdog.h"

#include <utility>

#include "core/base/monotonic_clock.h"

namespace vitok {

Watchdog::Watchdog() : thread_([this] { Run(); }) {}

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
  changed_.SignalAll();
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
      changed_.WaitWithTimeout(&mutex_, armed_ && !barked_ ? limit_ - MonotonicNow() : absl::InfiniteDuration());
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
