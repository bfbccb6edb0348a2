#include "core/weights/hub_backoff.h"

#include <algorithm>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {

absl::Status HubBackoff::Wait(const absl::Status& problem, absl::Duration retry_after) {
  if (!absl::IsUnavailable(problem) && !absl::IsDeadlineExceeded(problem)) return problem;
  if (++tries_ >= max_tries_) {
    return max_tries_ == 1 ? problem
                           : absl::Status(problem.code(), StrCat(problem.message(), " (tried ", tries_, " times)"));
  }
  if (retry_after > kMaxRetryAfter) {
    return absl::Status(problem.code(), StrCat(problem.message(), " and asks to come back after ",
                                               absl::ToInt64Seconds(retry_after), " s"));
  }
  return SleepUnlessCancelled(*options_, std::max(absl::Seconds(1 << (tries_ - 1)), retry_after));
}

absl::Status CheckCancelled(const HubOptions& options) {
  return options.cancelled != nullptr && options.cancelled() ? absl::CancelledError("cancelled") : absl::OkStatus();
}

absl::Status SleepUnlessCancelled(const HubOptions& options, absl::Duration duration) {
  constexpr absl::Duration kPiece = absl::Milliseconds(100);
  VITOK_RETURN_IF_ERROR(CheckCancelled(options));
  if (options.sleep) {
    options.sleep(duration);
    return CheckCancelled(options);
  }
  for (; duration > absl::ZeroDuration(); duration -= kPiece) {
    absl::SleepFor(std::min(duration, kPiece));
    VITOK_RETURN_IF_ERROR(CheckCancelled(options));
  }
  return absl::OkStatus();
}

}  // namespace vitok
