#pragma once

namespace vitok {

// The abseil and gRPC of Debian look for lock cycles at every lock, as debug builds do: a tenth of the time of a small
// call. For the main of programs that many calls go through.
void TurnOffMutexChecks();

}  // namespace vitok
