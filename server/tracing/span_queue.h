// What waits to be exported. Free of torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/tracing/span.h"

namespace vitok {

// Producers push and never wait; what does not fit is refused. One consumer takes batches: a batch is ready when it is
// full, when `max_delay` has passed since the queue was last empty, or after Shutdown. Thread-safe.
class SpanQueue {
 public:
  // `capacity`: spans that may wait.
  SpanQueue(size_t capacity, absl::Duration max_delay) : capacity_(capacity), max_delay_(max_delay) {}

  // How many spans were lost: none, or all of this source's.
  size_t Push(std::unique_ptr<SpanSource> source);

  // Blocks until a batch is ready. Sources in their order, at least one and no more than make kBatchSpans (a larger one
  // comes alone); empty: nothing is left after Shutdown.
  std::vector<std::unique_ptr<SpanSource>> Take();

  // Ends all waiting; what is pushed later is lost.
  void Shutdown();

  // Spans that wait.
  size_t size() const;

  static constexpr size_t kBatchSpans = 512;

 private:
  bool IsReady() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return shut_down_ || spans_ >= kBatchSpans; }

  const size_t capacity_;
  const absl::Duration max_delay_;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  std::deque<std::unique_ptr<SpanSource>> sources_ ABSL_GUARDED_BY(mutex_);
  size_t spans_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time filled_ ABSL_GUARDED_BY(mutex_);  // when the queue was last empty
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vitok
