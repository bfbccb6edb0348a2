#include "server/rate_window.h"

#include <cmath>
#include <utility>

#include "core/base/named_thread.h"

namespace vitok {
namespace {

constexpr absl::Duration kSamplePeriod = absl::Seconds(5);

const MethodCounts* Find(const std::vector<MethodCounts>& all, const MethodCounts& like) {
  for (const MethodCounts& counts : all) {
    if (counts.model == like.model && counts.method == like.method) return &counts;
  }
  return nullptr;
}

std::optional<absl::Duration> ToDuration(std::optional<double> seconds) {
  if (!seconds.has_value()) return std::nullopt;
  return absl::Seconds(*seconds);
}

}  // namespace

std::optional<double> QuantileOfGain(const prometheus::ClientMetric::Histogram& before,
                                     const prometheus::ClientMetric::Histogram& now, double q) {
  const auto gain = [&](size_t bucket) {
    const uint64_t earlier = bucket < before.bucket.size() ? before.bucket[bucket].cumulative_count : 0;
    return static_cast<double>(now.bucket[bucket].cumulative_count - earlier);
  };
  const size_t buckets = now.bucket.size();
  if (buckets == 0 || gain(buckets - 1) == 0) return std::nullopt;
  const double rank = q * gain(buckets - 1);
  double lower_bound = 0, below = 0;
  for (size_t bucket = 0; bucket < buckets; ++bucket) {
    const double upper_bound = now.bucket[bucket].upper_bound;
    if (std::isinf(upper_bound)) break;
    if (gain(bucket) >= rank && gain(bucket) > below) {
      return lower_bound + (upper_bound - lower_bound) * (rank - below) / (gain(bucket) - below);
    }
    lower_bound = upper_bound;
    below = gain(bucket);
  }
  return lower_bound;
}

void RateWindow::Add(absl::Duration time, std::vector<MethodCounts> counts) {
  absl::MutexLock lock(&mutex_);
  // The second one is old enough to be the start of the window: the first is not needed any more.
  while (samples_.size() > 1 && samples_[1].time <= time - span_) samples_.pop_front();
  samples_.push_back({time, std::move(counts)});
}

std::vector<MethodRates> RateWindow::Rates(absl::Duration time, const std::vector<MethodCounts>& now) const {
  absl::MutexLock lock(&mutex_);
  if (samples_.empty() || time <= samples_.front().time) return {};
  const double seconds = absl::ToDoubleSeconds(time - samples_.front().time);
  std::vector<MethodRates> rates;
  for (const MethodCounts& counts : now) {
    const MethodCounts* found = Find(samples_.front().counts, counts);
    const MethodCounts before = found != nullptr ? *found : MethodCounts();
    if (counts.requests <= before.requests) continue;
    rates.push_back({.model = counts.model,
                     .method = counts.method,
                     .requests = (counts.requests - before.requests) / seconds,
                     .images = (counts.images - before.images) / seconds,
                     .tokens = (counts.tokens - before.tokens) / seconds,
                     .pixels = (counts.pixels - before.pixels) / seconds,
                     .p50 = ToDuration(QuantileOfGain(before.duration, counts.duration, 0.5)),
                     .p95 = ToDuration(QuantileOfGain(before.duration, counts.duration, 0.95))});
  }
  return rates;
}

RateSampler::RateSampler(Source source) : source_(std::move(source)) {
  window_.Add(absl::ZeroDuration(), source_());
  thread_ = NamedThread("vitok-rates", [this] { Run(); });
}

RateSampler::~RateSampler() {
  stop_.Notify();
  thread_.join();
}

absl::Duration RateSampler::uptime() const { return absl::FromChrono(std::chrono::steady_clock::now() - start_); }

void RateSampler::Run() {
  while (!stop_.WaitForNotificationWithTimeout(kSamplePeriod)) window_.Add(uptime(), source_());
}

}  // namespace vitok
