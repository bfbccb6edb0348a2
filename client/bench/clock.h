// Time of a run.
#pragma once

#include <chrono>

#include "absl/time/time.h"

namespace vitok {

// Counts from the start of a run and never jumps. Now is thread-safe; one thread sleeps.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual absl::Duration Now() const = 0;

  // Returns when Now() >= `time`, as soon after it as the system can.
  virtual void SleepUntil(absl::Duration time) = 0;
};

// The system's monotonic clock, from the construction of the object.
class MonotonicClock final : public Clock {
 public:
  absl::Duration Now() const override { return absl::FromChrono(std::chrono::steady_clock::now() - start_); }
  void SleepUntil(absl::Duration time) override;

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace vitok
