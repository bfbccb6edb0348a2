#include "server/tracing/span_queue.h"

#include <utility>

#include "absl/time/clock.h"

namespace vitok {

size_t SpanQueue::Push(std::unique_ptr<SpanSource> source) {
  const size_t spans = source->CountSpans();
  absl::MutexLock lock(&mutex_);
  if (shut_down_ || spans_ + spans > capacity_) return spans;
  const bool first = sources_.empty();
  const bool ready = IsReady();
  sources_.push_back(std::move(source));
  spans_ += spans;
  if (first) filled_ = absl::Now();
  // The consumer waits for nothing else, so that most calls wake nobody.
  if (first || (!ready && IsReady())) changed_.Signal();
  return 0;
}

std::vector<std::unique_ptr<SpanSource>> SpanQueue::Take() {
  absl::MutexLock lock(&mutex_);
  while (!shut_down_ && sources_.empty()) changed_.Wait(&mutex_);
  while (!IsReady()) {
    if (changed_.WaitWithDeadline(&mutex_, filled_ + max_delay_)) break;
  }
  std::vector<std::unique_ptr<SpanSource>> batch;
  size_t batch_spans = 0;
  while (!sources_.empty()) {
    const size_t spans = sources_.front()->CountSpans();
    if (!batch.empty() && batch_spans + spans > kBatchSpans) break;
    batch_spans += spans;
    batch.push_back(std::move(sources_.front()));
    sources_.pop_front();
  }
  spans_ -= batch_spans;
  filled_ = absl::Now();
  return batch;
}

void SpanQueue::Shutdown() {
  absl::MutexLock lock(&mutex_);
  shut_down_ = true;
  changed_.SignalAll();
}

size_t SpanQueue::size() const {
  absl::MutexLock lock(&mutex_);
  return spans_;
}

}  // namespace vitok
