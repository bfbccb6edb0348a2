// Load from users who do not know of each other: requests are due at their own times, however the server does.
#pragma once

#include "client/bench/arrival_schedule.h"
#include "client/bench/load_run.h"

namespace vitok {

// Sends requests when `schedule` says, until the run is over. Their latency counts from that time also if they are sent
// later, so a load generator or a server that stalls cannot hide what others would have waited (coordinated omission).
// Requests that are due while `max_in_flight` are under way are not sent, and counted. REQUIRES: max_in_flight >= 1.
LoadStats RunOpenLoop(ArrivalSchedule schedule, int64_t max_in_flight, LoadRun* run);

}  // namespace vitok
