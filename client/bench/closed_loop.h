// Load from a fixed number of clients, each of which waits for its answer before it asks again.
#pragma once

#include "client/bench/load_run.h"

namespace vitok {

// Keeps `concurrency` requests in flight until the run is over. A client whose request found no server asks again only
// with the next tick of the run: it would keep the machine busy with nothing else. REQUIRES: concurrency >= 1.
LoadStats RunClosedLoop(int concurrency, LoadRun* run);

}  // namespace vitok
