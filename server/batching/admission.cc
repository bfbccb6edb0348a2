#include "server/batching/admission.h"

#include <algorithm>
#include <utility>

#include "core/base/str_cat.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr absl::Duration kMinRetryDelay = absl::Milliseconds(10);
constexpr absl::Duration kMaxRetryDelay = absl::Seconds(10);
constexpr absl::Duration kUnknownRetryDelay = absl::Milliseconds(100);
constexpr double kNewestBatchWeight = 0.2;

}  // namespace

Admission::Permit::Permit(Permit&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)), load_(std::exchange(other.load_, Load())) {}

Admission::Permit& Admission::Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    Release();
    admission_ = std::exchange(other.admission_, nullptr);
    load_ = std::exchange(other.load_, Load());
  }
  return *this;
}

void Admission::Permit::Release() {
  if (admission_ != nullptr) std::exchange(admission_, nullptr)->Release(load_);
}

void Admission::Permit::Keep(const Load& rest) {
  if (admission_ == nullptr) return;
  const Load kept{.items = std::min(rest.items, load_.items),
                  .tokens = std::min(rest.tokens, load_.tokens),
                  .bytes = std::min(rest.bytes, load_.bytes)};
  admission_->Release(
      {.items = load_.items - kept.items, .tokens = load_.tokens - kept.tokens, .bytes = load_.bytes - kept.bytes});
  load_ = kept;
}

absl::StatusOr<Admission::Permit> Admission::Admit(const Load& load) {
  absl::MutexLock lock(&mutex_);
  if (absl::Status status = CheckRoomFor(load); !status.ok()) return status;
  load_.items += load.items;
  load_.tokens += load.tokens;
  load_.bytes += load.bytes;
  return Permit(this, load);
}

absl::Status Admission::CheckRoom() const {
  absl::ReaderMutexLock lock(&mutex_);
  return CheckRoomFor({.items = 1, .tokens = 1, .bytes = 1});
}

absl::Status Admission::CheckRoomFor(const Load& load) const {
  struct Bound {
    std::string_view what;
    std::string_view option;
    std::string_view reason;
    int64_t wanted;
    int64_t taken;
    int64_t max;
  };
  const Bound bounds[] = {
      {"items", "max_queued_requests", kReasonQueueRequests, load.items, load_.items, options_.max_items},
      {"tokens", "max_queued_tokens", kReasonQueueTokens, load.tokens, load_.tokens, options_.max_tokens},
      {"bytes", "max_queued_bytes", kReasonQueueBytes, load.bytes, load_.bytes, options_.max_bytes},
  };
  for (const Bound& bound : bounds) {
    if (bound.wanted > bound.max) {
      return absl::InvalidArgumentError(StrCat("request takes ", bound.wanted, " ", bound.what, "; ", bound.option,
                                               " is ", bound.max, ": send it in parts"));
    }
  }
  for (const Bound& bound : bounds) {
    if (bound.wanted <= bound.max - bound.taken) continue;
    // Room comes back at the pace of the tokens, whatever it is that is short.
    const double excess =
        static_cast<double>(bound.taken + bound.wanted - bound.max) / static_cast<double>(bound.taken);
    return QueueFullError(bound.reason,
                          StrCat("queue is full: ", bound.taken, " ", bound.what, " wait, ", bound.wanted,
                                 " more would exceed the limit of ", bound.max),
                          RetryAfter(excess * static_cast<double>(load_.tokens)));
  }
  return absl::OkStatus();
}

void Admission::RecordBatch(int64_t tokens, absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds <= 0) return;
  absl::MutexLock lock(&mutex_);
  const double newest = static_cast<double>(tokens) / seconds;
  tokens_per_second_ =
      tokens_per_second_ == 0 ? newest : tokens_per_second_ + kNewestBatchWeight * (newest - tokens_per_second_);
}

void Admission::Release(const Load& load) {
  absl::MutexLock lock(&mutex_);
  load_.items -= load.items;
  load_.tokens -= load.tokens;
  load_.bytes -= load.bytes;
}

absl::Duration Admission::RetryAfter(double excess_tokens) const {
  if (tokens_per_second_ == 0) return kUnknownRetryDelay;
  const absl::Duration wait = absl::Seconds(excess_tokens / tokens_per_second_);
  return std::clamp(wait, kMinRetryDelay, kMaxRetryDelay);
}

}  // namespace vitok
