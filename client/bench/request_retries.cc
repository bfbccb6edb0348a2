#include "client/bench/request_retries.h"

#include "absl/time/clock.h"
#include "client/call_status.h"

namespace vitok {

RequestRetries::RequestRetries(const LoadDriverOptions* options)
    : options_(options), deadline_(absl::Now() + options->deadline) {}

std::optional<absl::Time> RequestRetries::Next(const absl::Status& failure) {
  if (!options_->retry) return std::nullopt;
  std::optional<absl::Duration> delay = RetryDelay(failure);
  const bool unanswered = absl::IsUnavailable(failure) || absl::IsCancelled(failure);
  if (!delay && unanswered && ++unanswered_ < options_->servers.size()) delay = absl::ZeroDuration();
  const absl::Time now = absl::Now();
  if (!delay || now + *delay >= deadline_) return std::nullopt;
  ++count_;
  return now + *delay;
}

}  // namespace vitok
