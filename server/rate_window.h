// What the server did in the last minute, from counters that only grow. Free of torch.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "prometheus/client_metric.h"
#include "server/model_key.h"

namespace vitok {

// What one method of one model has done since the server started.
struct MethodCounts {
  ModelKey model;
  std::string method;
  double requests = 0;
  double images = 0;
  double tokens = 0;
  double pixels = 0;
  prometheus::ClientMetric::Histogram duration;  // seconds
};

// What it did in a window: per second, and the time from arrival to reply.
struct MethodRates {
  ModelKey model;
  std::string method;
  double requests = 0;
  double images = 0;
  double tokens = 0;
  double pixels = 0;
  std::optional<absl::Duration> p50, p95;  // nullopt: no calls
};

// The q-quantile (0 to 1) of what a histogram gained from `before` to `now`, as Prometheus' histogram_quantile
// estimates it: linear within a bucket, the last finite bound for what lies beyond. Nullopt: it gained nothing.
std::optional<double> QuantileOfGain(const prometheus::ClientMetric::Histogram& before,
                                     const prometheus::ClientMetric::Histogram& now, double q);

// Samples of the last minute. Time is what has passed since the start by a steady clock. Thread-safe.
class RateWindow {
 public:
  explicit RateWindow(absl::Duration span = absl::Minutes(1)) : span_(span) {}

  // Remembers a sample and forgets those that are no longer needed. REQUIRES: times do not go back.
  void Add(absl::Duration time, std::vector<MethodCounts> counts);

  // Since the sample of `span` ago, or the oldest if there is none so old; before a first sample nothing. Methods
  // without a call in that time are left out. `now` is after the last sample.
  std::vector<MethodRates> Rates(absl::Duration time, const std::vector<MethodCounts>& now) const;

 private:
  struct Sample {
    absl::Duration time;
    std::vector<MethodCounts> counts;
  };

  const absl::Duration span_;
  mutable absl::Mutex mutex_;
  std::deque<Sample> samples_ ABSL_GUARDED_BY(mutex_);
};

// Feeds a window from a thread of its own, every few seconds.
class RateSampler {
 public:
  using Source = std::function<std::vector<MethodCounts>()>;  // called on that thread and by Rates; thread-safe

  explicit RateSampler(Source source);
  ~RateSampler();
  RateSampler(const RateSampler&) = delete;
  RateSampler& operator=(const RateSampler&) = delete;

  std::vector<MethodRates> Rates() const { return window_.Rates(uptime(), source_()); }

  // Since construction.
  absl::Duration uptime() const;

 private:
  void Run();

  const Source source_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  RateWindow window_;
  absl::Notification stop_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
