#include "client/bench/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace vitok {
namespace {

constexpr int kValueBits = 42;  // of LatencyHistogram::kLargest in ns
constexpr int kBucketBits = 7;  // of the buckets of a power of two
constexpr int64_t kBuckets = int64_t{1} << kBucketBits;
constexpr int64_t kAllBuckets = (kValueBits - kBucketBits + 1) * kBuckets;

// Values below 2^7 have buckets of their own. Above, the bucket is given by the exponent and the 7 bits after the
// leading one.
int64_t BucketOf(int64_t ns) {
  const int exponent = std::max(static_cast<int>(std::bit_width(static_cast<uint64_t>(ns))) - kBucketBits - 1, 0);
  return exponent * kBuckets + (ns >> exponent);
}

int64_t LargestIn(int64_t bucket) {
  const int64_t exponent = std::max<int64_t>(bucket / kBuckets - 1, 0);
  return ((bucket - exponent * kBuckets + 1) << exponent) - 1;
}

}  // namespace

void LatencyHistogram::Record(absl::Duration value) {
  const int64_t ns = absl::ToInt64Nanoseconds(std::clamp(value, absl::ZeroDuration(), kLargest));
  if (counts_.empty()) counts_.resize(kAllBuckets);
  ++counts_[BucketOf(ns)];
  min_ns_ = count_ == 0 ? ns : std::min(min_ns_, ns);
  max_ns_ = std::max(max_ns_, ns);
  sum_ns_ += ns;
  ++count_;
}

void LatencyHistogram::Merge(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  if (counts_.empty()) counts_.resize(kAllBuckets);
  for (int64_t bucket = 0; bucket < kAllBuckets; ++bucket) counts_[bucket] += other.counts_[bucket];
  min_ns_ = count_ == 0 ? other.min_ns_ : std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
  sum_ns_ += other.sum_ns_;
  count_ += other.count_;
}

absl::Duration LatencyHistogram::mean() const {
  return count_ == 0 ? absl::ZeroDuration() : absl::Nanoseconds(sum_ns_ / count_);
}

absl::Duration LatencyHistogram::Percentile(double percent) const {
  const auto rank = std::max<int64_t>(static_cast<int64_t>(std::ceil(percent / 100 * static_cast<double>(count_))), 1);
  int64_t seen = 0;
  for (int64_t bucket = 0; bucket < static_cast<int64_t>(counts_.size()); ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank) return absl::Nanoseconds(std::min(LargestIn(bucket), max_ns_));
  }
  return max();
}

}  // namespace vitok
