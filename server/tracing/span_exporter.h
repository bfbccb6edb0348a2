// Sends spans to a trace collector in the background. Free of torch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "server/tracing/otlp_client.h"
#include "server/tracing/otlp_json.h"
#include "server/tracing/span_queue.h"

namespace vitok {

// Told what becomes of spans: each is counted once, by one of the two. Called on any thread; must not block.
// REQUIRES: both are set.
struct SpanCounters {
  std::function<void(int64_t spans)> exported;  // the collector took them
  std::function<void(int64_t spans)> dropped;   // no room in the queue, or the collector did not take them
};

// Whatever the collector does, Export returns at once: what it cannot take is dropped and counted. Spans go in batches;
// a batch that may yet be taken (no connection, 429, 502, 503, 504) is sent again after growing pauses, at most
// kMaxAttempts times, while the next ones wait in the queue. The log says once when spans get lost and once when they
// pass again.
//
// Destruction sends what waits, once, for at most `flush` (and the time in which a connection fails); the rest is
// dropped.
// Thread-safe.
class SpanExporter {
 public:
  struct Options {
    std::string endpoint;                             // "http://host:port"
    size_t queue_spans = 8192;                        // that may wait
    absl::Duration timeout = absl::Seconds(5);        // of one attempt
    absl::Duration max_delay = absl::Seconds(1);      // of a batch that is not full
    absl::Duration first_pause = absl::Seconds(0.5);  // between attempts; then twice as long, and so on
    absl::Duration flush = absl::Seconds(3);
  };

  // INVALID_ARGUMENT: the endpoint (ParseCollector). A collector that is absent is no error.
  static absl::StatusOr<std::unique_ptr<SpanExporter>> Create(Options options, TraceResource resource,
                                                              SpanCounters counters);
  ~SpanExporter();
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  // Never blocks.
  void Export(std::unique_ptr<SpanSource> source);

  static constexpr int kMaxAttempts = 5;

 private:
  SpanExporter(Options options, const ListenAddress& collector, TraceResource resource, SpanCounters counters);

  void Run();
  void Send(const std::vector<std::unique_ptr<SpanSource>>& sources);
  // The last attempt's outcome.
  OtlpOutcome Deliver(const std::string& json);
  void LogChange(const OtlpOutcome& outcome);
  // For so long, or until the destructor runs. False, and at once, if it does already.
  bool Pause(absl::Duration duration);
  absl::Duration TimeLeft() const;

  const Options options_;
  const TraceResource resource_;
  const SpanCounters counters_;
  OtlpClient client_;
  SpanQueue queue_;
  bool failing_ = false;  // of the thread: what LogChange said last
  mutable absl::Mutex mutex_;
  absl::Time end_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();  // of all attempts
  absl::Notification ended_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
