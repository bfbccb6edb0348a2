// Ctrl-C that does not end the program at once.
#pragma once

namespace vitok {

// Counts SIGINT and SIGTERM while it lives; afterwards they end the program again. One at a time.
class ScopedInterrupts {
 public:
  ScopedInterrupts();
  ~ScopedInterrupts();
  ScopedInterrupts(const ScopedInterrupts&) = delete;
  ScopedInterrupts& operator=(const ScopedInterrupts&) = delete;

  // Thread-safe.
  int count() const;
};

}  // namespace vitok
