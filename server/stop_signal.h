// Waiting for SIGTERM or SIGINT. Free of torch.
#pragma once

namespace vitok {

// SIGTERM and SIGINT end the process at once with exit code 0: for the time before it serves, when nothing can be lost.
void ExitOnStopSignals();

// From construction on: the first SIGTERM or SIGINT is kept for Wait, a second one ends the process at once with exit
// code 1. A signal that comes before Wait is called is not lost. One object a process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Blocks until the first signal; returns its number.
  int Wait();
};

}  // namespace vitok
