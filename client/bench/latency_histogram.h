// Percentiles of many durations in constant memory.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace vitok {

// Counts durations in buckets whose width grows with the value, as HdrHistogram does: 128 a power of two. A percentile
// is the upper edge of its bucket, so it is never below the true value and at most 1/128 (0.8 %) above; count, min, max
// and mean are exact. 36 KiB, taken by the first Record. For one thread; histograms of several add up by Merge.
//
//   LatencyHistogram histogram;
//   histogram.Record(absl::Milliseconds(3));
//   absl::Duration p99 = histogram.Percentile(99);
class LatencyHistogram {
 public:
  // What is longer (73 minutes) counts as this, what is negative as zero.
  static constexpr absl::Duration kLargest = absl::Nanoseconds((int64_t{1} << 42) - 1);

  void Record(absl::Duration value);

  // Adds all that `other` has recorded.
  void Merge(const LatencyHistogram& other);

  int64_t count() const { return count_; }

  // Zero if nothing has been recorded.
  absl::Duration min() const { return absl::Nanoseconds(min_ns_); }
  absl::Duration max() const { return absl::Nanoseconds(max_ns_); }
  absl::Duration mean() const;

  // The smallest recorded value that `percent` % of all values do not exceed. Zero if nothing has been recorded.
  // REQUIRES: 0 <= percent <= 100.
  absl::Duration Percentile(double percent) const;

 private:
  std::vector<int64_t> counts_;  // by bucket
  int64_t count_ = 0;
  int64_t sum_ns_ = 0;
  int64_t min_ns_ = 0;
  int64_t max_ns_ = 0;
};

}  // namespace vitok
