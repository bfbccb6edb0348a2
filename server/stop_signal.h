// Waiting for SIGTERM or SIGINT. Free of torch.
#pragma once

namespace vitok {

// SIGTERM and SIGINT while a server runs. At first they end the process at once with exit code 0: it does not serve
// yet (models are still loading), so nothing can be lost. After KeepSignals the first one is kept for Wait, and a
// second one ends the process at once with exit code 1. One object a process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void KeepSignals();

  // Blocks until the first signal or Wake, also one that came before; returns the signal's number, 0 for Wake.
  int Wait();

  // Ends Wait as a signal does. Thread-safe.
  void Wake();
};

}  // namespace vitok
