// Waiting for what another thread will do.
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace vitok {

// Asks until `condition()` holds, at most `patience`; true if it did.
template <typename Condition>
bool Eventually(Condition condition, absl::Duration patience = absl::Seconds(60)) {
  const absl::Time end = absl::Now() + patience;
  while (!condition()) {
    if (absl::Now() >= end) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
  return true;
}

}  // namespace vitok
