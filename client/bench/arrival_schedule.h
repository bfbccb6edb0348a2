// When requests of an open loop are due.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "client/bench/random.h"

namespace vitok {

enum class ArrivalProcess {
  kPoisson,   // independent users: exponential gaps
  kConstant,  // equal gaps
};

// An endless sequence of times, in order, `rate_per_s` a second on average. The same seed gives the same times. For one
// thread.
class ArrivalSchedule {
 public:
  // REQUIRES: rate_per_s is positive and finite.
  ArrivalSchedule(ArrivalProcess process, double rate_per_s, uint64_t seed);

  // The next time, counted from the start of the schedule.
  absl::Duration Next();

 private:
  const ArrivalProcess process_;
  const double rate_per_s_;
  Random random_;
  double arrivals_ = 0;  // the next time in units of the mean gap
};

}  // namespace vitok
