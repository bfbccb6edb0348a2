#include "client/bench/clock.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <thread>

namespace vitok {

void MonotonicClock::SleepUntil(absl::Duration time) {
#ifdef __linux__
  // By default Linux wakes a thread up to 50 µs late to save power: as much as a small request costs a server.
  [[maybe_unused]] static thread_local const int precise = prctl(PR_SET_TIMERSLACK, 1);
#endif
  std::this_thread::sleep_until(start_ + absl::ToChronoNanoseconds(time));
}

}  // namespace vitok
