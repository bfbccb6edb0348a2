#include "server/rate_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace vitok {
namespace {

using Histogram = prometheus::ClientMetric::Histogram;

// Buckets up to 10 ms, 100 ms and beyond, with so many calls in each.
Histogram Calls(uint64_t fast, uint64_t slow, uint64_t beyond) {
  return {.sample_count = fast + slow + beyond,
          .bucket = {{fast, 0.01}, {fast + slow, 0.1}, {fast + slow + beyond, HUGE_VAL}}};
}

TEST(QuantileOfGainTest, IsLinearWithinABucket) {
  EXPECT_DOUBLE_EQ(*QuantileOfGain({}, Calls(10, 0, 0), 0.5), 0.005);
  EXPECT_DOUBLE_EQ(*QuantileOfGain({}, Calls(10, 10, 0), 0.75), 0.055);
}

TEST(QuantileOfGainTest, CountsOnlyWhatCameSince) {
  EXPECT_DOUBLE_EQ(*QuantileOfGain(Calls(1000, 0, 0), Calls(1000, 10, 0), 0.5), 0.055);
}

TEST(QuantileOfGainTest, GivesTheLastBoundForWhatLiesBeyondIt) {
  EXPECT_DOUBLE_EQ(*QuantileOfGain({}, Calls(0, 0, 5), 0.5), 0.1);
}

TEST(QuantileOfGainTest, KnowsNothingOfNoCalls) {
  EXPECT_FALSE(QuantileOfGain({}, {}, 0.5).has_value());
  EXPECT_FALSE(QuantileOfGain(Calls(3, 2, 1), Calls(3, 2, 1), 0.5).has_value());
}

MethodCounts Encode(double requests) {
  return {.model = {"m", 1},
          .method = "Encode",
          .requests = requests,
          .images = 2 * requests,
          .tokens = 100 * requests,
          .pixels = 1000 * requests,
          .duration = Calls(static_cast<uint64_t>(requests), 0, 0)};
}

TEST(RateWindowTest, GivesRatesASecondSinceTheFirstSample) {
  RateWindow window;
  window.Add(absl::Seconds(0), {Encode(0)});
  const std::vector<MethodRates> rates = window.Rates(absl::Seconds(10), {Encode(50)});
  ASSERT_EQ(rates.size(), 1u);
  EXPECT_EQ(rates[0].method, "Encode");
  EXPECT_DOUBLE_EQ(rates[0].requests, 5);
  EXPECT_DOUBLE_EQ(rates[0].images, 10);
  EXPECT_DOUBLE_EQ(rates[0].tokens, 500);
  EXPECT_DOUBLE_EQ(rates[0].pixels, 5000);
  EXPECT_EQ(rates[0].p50, absl::Milliseconds(5));
}

TEST(RateWindowTest, ForgetsWhatIsOlderThanItsSpan) {
  RateWindow window(absl::Seconds(60));
  for (int second = 0; second <= 600; second += 5) window.Add(absl::Seconds(second), {Encode(second < 300 ? 0 : 60)});
  EXPECT_TRUE(window.Rates(absl::Seconds(601), {Encode(60)}).empty());
  EXPECT_NEAR(window.Rates(absl::Seconds(601), {Encode(121)})[0].requests, 1, 0.05);
}

TEST(RateWindowTest, LeavesOutMethodsWithoutCallsAndKeepsNewOnes) {
  RateWindow window;
  window.Add(absl::Seconds(0), {Encode(7)});
  MethodCounts decode = Encode(10);
  decode.method = "Decode";
  const std::vector<MethodRates> rates = window.Rates(absl::Seconds(10), {Encode(7), decode});
  ASSERT_EQ(rates.size(), 1u);
  EXPECT_EQ(rates[0].method, "Decode");
  EXPECT_DOUBLE_EQ(rates[0].requests, 1);
}

TEST(RateSamplerTest, KnowsTheRatesSinceItBegan) {
  double requests = 3;
  RateSampler sampler([&requests] { return std::vector<MethodCounts>{Encode(requests)}; });
  EXPECT_TRUE(sampler.Rates().empty());
  requests = 5;
  EXPECT_EQ(sampler.Rates().size(), 1u);
}

}  // namespace
}  // namespace vitok
