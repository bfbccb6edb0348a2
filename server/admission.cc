#include "server/admission.h"

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
    : admission_(std::exchange(other.admission_, nullptr)), items_(other.items_), tokens_(other.tokens_) {}

Admission::Permit& Admission::Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    Release();
    admission_ = std::exchange(other.admission_, nullptr);
    items_ = other.items_;
    tokens_ = other.tokens_;
  }
  return *this;
}

void Admission::Permit::Release() {
  if (admission_ != nullptr) std::exchange(admission_, nullptr)->Release(items_, tokens_);
}

absl::StatusOr<Admission::Permit> Admission::Admit(int64_t items, int64_t tokens) {
  if (items > options_.max_items) {
    return absl::InvalidArgumentError(
        StrCat("request holds ", items, " items; max_queued_requests is ", options_.max_items, ": send it in parts"));
  }
  if (tokens > options_.max_tokens) {
    return absl::InvalidArgumentError(
        StrCat("request holds ", tokens, " tokens; max_queued_tokens is ", options_.max_tokens, ": send it in parts"));
  }
  absl::MutexLock lock(&mutex_);
  if (items > options_.max_items - items_) {
    // A queue full of items frees places at the pace of their tokens.
    const int64_t excess_items = items_ + items - options_.max_items;
    return QueueFullError(kReasonQueueRequests,
                          StrCat("queue is full: ", items_, " items wait, ", items, " more would exceed the limit of ",
                                 options_.max_items),
                          RetryAfter(items_ == 0 ? 0 : tokens_ / items_ * excess_items));
  }
  if (tokens > options_.max_tokens - tokens_) {
    return QueueFullError(kReasonQueueTokens,
                          StrCat("queue is full: ", tokens_, " tokens wait, ", tokens,
                                 " more would exceed the limit of ", options_.max_tokens),
                          RetryAfter(tokens_ + tokens - options_.max_tokens));
  }
  items_ += items;
  tokens_ += tokens;
  return Permit(this, items, tokens);
}

void Admission::RecordBatch(int64_t tokens, absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (seconds <= 0) return;
  absl::MutexLock lock(&mutex_);
  const double newest = static_cast<double>(tokens) / seconds;
  tokens_per_second_ =
      tokens_per_second_ == 0 ? newest : tokens_per_second_ + kNewestBatchWeight * (newest - tokens_per_second_);
}

void Admission::Release(int64_t items, int64_t tokens) {
  absl::MutexLock lock(&mutex_);
  items_ -= items;
  tokens_ -= tokens;
}

absl::Duration Admission::RetryAfter(int64_t excess_tokens) const {
  if (tokens_per_second_ == 0) return kUnknownRetryDelay;
  const absl::Duration wait = absl::Seconds(static_cast<double>(excess_tokens) / tokens_per_second_);
  return std::clamp(wait, kMinRetryDelay, kMaxRetryDelay);
}

}  // namespace vitok
