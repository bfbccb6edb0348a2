#include "client/bench/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "client/bench/random.h"

namespace vitok {
namespace {

TEST(LatencyHistogramTest, HasZerosWhenEmpty) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Percentile(50), absl::ZeroDuration());
  EXPECT_EQ(histogram.Percentile(100), absl::ZeroDuration());
  EXPECT_EQ(histogram.mean(), absl::ZeroDuration());
  EXPECT_EQ(histogram.max(), absl::ZeroDuration());
}

TEST(LatencyHistogramTest, IsExactForOneValue) {
  LatencyHistogram histogram;
  histogram.Record(absl::Nanoseconds(123'456'789));
  for (double percent : {0.0, 50.0, 99.9, 100.0}) {
    EXPECT_EQ(histogram.Percentile(percent), absl::Nanoseconds(123'456'789));
  }
  EXPECT_EQ(histogram.min(), histogram.max());
  EXPECT_EQ(histogram.mean(), histogram.max());
}

TEST(LatencyHistogramTest, IsNeverBelowAndAtMostOnePercentAboveTheTruth) {
  Random random(1);
  std::vector<int64_t> values;
  LatencyHistogram histogram;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(std::exp(random.Uniform() * 28)));  // 1 ns to 24 minutes
    histogram.Record(absl::Nanoseconds(values.back()));
  }
  std::sort(values.begin(), values.end());
  for (double percent : {0.1, 1.0, 10.0, 50.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = static_cast<size_t>(std::ceil(percent / 100 * values.size()));
    const int64_t truth = values[rank - 1];
    const int64_t measured = absl::ToInt64Nanoseconds(histogram.Percentile(percent));
    EXPECT_GE(measured, truth) << percent;
    EXPECT_LE(measured, truth * 1.01) << percent;
  }
  EXPECT_EQ(histogram.min(), absl::Nanoseconds(values.front()));
  EXPECT_EQ(histogram.max(), absl::Nanoseconds(values.back()));
}

TEST(LatencyHistogramTest, KeepsItsPrecisionAroundEveryPowerOfTwo) {
  for (int bit = 0; bit < 42; ++bit) {
    for (int64_t ns : {(int64_t{1} << bit) - 1, int64_t{1} << bit, (int64_t{1} << bit) + 1}) {
      LatencyHistogram histogram;
      histogram.Record(absl::Nanoseconds(ns));
      histogram.Record(LatencyHistogram::kLargest);  // so that max() does not hide the bucket's edge
      const int64_t measured = absl::ToInt64Nanoseconds(histogram.Percentile(50));
      EXPECT_GE(measured, ns);
      EXPECT_LE(measured, ns + ns / 100);
    }
  }
}

TEST(LatencyHistogramTest, CountsTheMedianOfAFewValuesByRank) {
  LatencyHistogram histogram;
  for (int ns : {1, 2, 3, 4}) histogram.Record(absl::Nanoseconds(ns));
  EXPECT_EQ(histogram.Percentile(50), absl::Nanoseconds(2));
  EXPECT_EQ(histogram.Percentile(51), absl::Nanoseconds(3));
  EXPECT_EQ(histogram.Percentile(75), absl::Nanoseconds(3));
  EXPECT_EQ(histogram.Percentile(0), absl::Nanoseconds(1));
}

TEST(LatencyHistogramTest, ClampsWhatIsOutOfRange) {
  LatencyHistogram histogram;
  histogram.Record(-absl::Seconds(1));
  histogram.Record(absl::InfiniteDuration());
  EXPECT_EQ(histogram.min(), absl::ZeroDuration());
  EXPECT_EQ(histogram.max(), LatencyHistogram::kLargest);
  EXPECT_EQ(histogram.count(), 2);
}

TEST(LatencyHistogramTest, MergedEqualsRecordedInOne) {
  Random random(2);
  LatencyHistogram all;
  LatencyHistogram parts[3];
  for (int i = 0; i < 3000; ++i) {
    const absl::Duration value = absl::Microseconds(random.Below(1'000'000));
    all.Record(value);
    parts[i % 2].Record(value);  // the third stays empty
  }
  LatencyHistogram merged;
  for (const LatencyHistogram& part : parts) merged.Merge(part);
  EXPECT_EQ(merged.count(), all.count());
  EXPECT_EQ(merged.min(), all.min());
  EXPECT_EQ(merged.max(), all.max());
  EXPECT_EQ(merged.mean(), all.mean());
  for (double percent : {1.0, 50.0, 99.0, 99.9}) EXPECT_EQ(merged.Percentile(percent), all.Percentile(percent));
}

}  // namespace
}  // namespace vitok
