#include "client/bench/arrival_schedule.h"

#include <cmath>

namespace vitok {

ArrivalSchedule::ArrivalSchedule(ArrivalProcess process, double rate_per_s, uint64_t seed)
    : process_(process), rate_per_s_(rate_per_s), random_(seed) {}

absl::Duration ArrivalSchedule::Next() {
  if (process_ == ArrivalProcess::kConstant) return absl::Seconds(arrivals_++ / rate_per_s_);
  arrivals_ -= std::log1p(-random_.Uniform());
  return absl::Seconds(arrivals_ / rate_per_s_);
}

}  // namespace vitok
