#include "client/bench/open_loop.h"

namespace vitok {

LoadStats RunOpenLoop(ArrivalSchedule schedule, int64_t max_in_flight, LoadRun* run) {
  absl::Duration due = schedule.Next();
  while (!run->over()) {
    run->Tick(due);
    if (due > run->Now()) continue;
    if (run->in_flight() < max_in_flight) {
      run->Send(due, [](const RequestOutcome&) {});
    } else {
      run->NotSent(due);
    }
    due = schedule.Next();
  }
  return run->Finish();
}

}  // namespace vitok
