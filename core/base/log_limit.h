// How often a kind of log line may come.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace vitok {

// One for each kind of line, static or a member. In each second lets the first `lines_a_second` lines through and
// counts the rest. Counts time by the steady clock, so that a step of the wall clock changes nothing. Costs some 50 ns.
// Thread-safe.
class LogLimit {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LogLimit(int lines_a_second = 10) : lines_a_second_(lines_a_second) {}
  LogLimit(const LogLimit&) = delete;
  LogLimit& operator=(const LogLimit&) = delete;

  // nullopt: do not log this line. Otherwise how many lines were not logged since the last one that was.
  std::optional<int64_t> Pass(Clock::time_point now = Clock::now());

 private:
  const int lines_a_second_;
  std::mutex mutex_;
  Clock::time_point second_begins_{};
  int passed_ = 0;  // in this second
  int64_t suppressed_ = 0;
};

}  // namespace vitok
