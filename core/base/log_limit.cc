#include "core/base/log_limit.h"

#include <utility>

namespace vitok {

std::optional<int64_t> LogLimit::Pass(Clock::time_point now) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (now - second_begins_ >= std::chrono::seconds(1)) {
    second_begins_ = now;
    passed_ = 0;
  }
  if (passed_ >= lines_a_second_) {
    ++suppressed_;
    return std::nullopt;
  }
  ++passed_;
  return std::exchange(suppressed_, 0);
}

}  // namespace vitok
