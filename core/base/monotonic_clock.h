// Time that passes evenly, whatever is done to the clock of the system.
#pragma once

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vitok {

// What the system's clock showed when this was first called, and what has passed since then by the steady clock. For
// deadlines, time limits and durations: a step of the system's clock must not end or delay anybody's work. Condition
// variables take it as a difference (WaitWithTimeout), never as a deadline. Thread-safe.
inline absl::Time MonotonicNow() {
  struct Start {
    absl::Time wall = absl::Now();
    std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
  };
  static const Start start;
  return start.wall + absl::FromChrono(std::chrono::steady_clock::now() - start.steady);
}

// A time of the system's clock on this one, for example a deadline that somebody else has set.
inline absl::Time ToMonotonic(absl::Time wall) { return MonotonicNow() + (wall - absl::Now()); }

}  // namespace vitok
