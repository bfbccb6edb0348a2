#include "server/send_watch.h"

#include <utility>

#include "core/base/monotonic_clock.h"
#include "core/base/named_thread.h"

namespace vitok {

SendWatch::SendWatch(absl::Duration timeout)
    : timeout_(timeout), thread_(NamedThread("vitok-sends", [this] { CutOffUntilStopped(); })) {}

SendWatch::~SendWatch() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  thread_.join();
}

uint64_t SendWatch::Begin(std::function<void()> cut_off) {
  absl::MutexLock lock(&mutex_);
  sends_.emplace(++last_, Send{MonotonicNow() + timeout_, std::move(cut_off)});
  return last_;
}

void SendWatch::End(uint64_t send) {
  absl::MutexLock lock(&mutex_);
  sends_.erase(send);
  if (std::this_thread::get_id() == thread_.get_id()) return;
  const auto done = [this, send]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return cutting_off_ != send; };
  mutex_.Await(absl::Condition(&done));
}

void SendWatch::CutOffUntilStopped() {
  absl::MutexLock lock(&mutex_);
  while (!stopped_) {
    const absl::Time next = sends_.empty() ? absl::InfiniteFuture() : sends_.begin()->second.deadline;
    if (next <= MonotonicNow()) {
      auto send = sends_.extract(sends_.begin());
      cutting_off_ = send.key();
      mutex_.Unlock();
      send.mapped().cut_off();
      mutex_.Lock();
      cutting_off_ = 0;
      continue;
    }
    // A first send makes the deadline finite; later ones have later deadlines.
    const auto changed = [this, next]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopped_ || (next == absl::InfiniteFuture() && !sends_.empty());
    };
    mutex_.AwaitWithTimeout(absl::Condition(&changed), next - MonotonicNow());
  }
}

}  // namespace vitok
