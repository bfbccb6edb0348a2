#include "server/batching/cost_model.h"

#include <gtest/gtest.h>

#include <random>

namespace vitok {
namespace {

BatchSize Of(int64_t images, int64_t tokens) { return {images * tokens, images * tokens * tokens, 0}; }

// 2 µs a token, 3 ns a token², 1 ms a batch.
absl::Duration True(const BatchSize& size) {
  return absl::Nanoseconds(2000.0 * size.tokens + 3.0 * size.square_tokens) + absl::Milliseconds(1);
}

double Ratio(const CostModel& model, const BatchSize& size) {
  return absl::FDivDuration(model.Predict(size), True(size));
}

TEST(CostModelTest, PredictsSizesItWasNotFittedTo) {
  std::vector<CostModel::Sample> samples;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> noise(0.97, 1.03);
  for (const BatchSize& size : {Of(1, 16), Of(1, 256), Of(8, 64), Of(16, 256), Of(1, 4096), Of(4, 1024)}) {
    samples.push_back({size, True(size) * noise(random)});
  }
  const CostModel model = CostModel::Fit(samples);
  for (const BatchSize& size : {Of(1, 64), Of(64, 256), Of(1, 1024), Of(2, 4096), Of(1, 16384)}) {
    EXPECT_NEAR(Ratio(model, size), 1, 0.1) << size.tokens;
  }
  EXPECT_NEAR(absl::ToDoubleMilliseconds(model.Predict(Of(1, 64)) - model.PredictMarginal(Of(1, 64))), 1, 0.1);
}

TEST(CostModelTest, NeverPredictsNegativeCosts) {
  // Larger batches that took less: only c can explain them.
  const CostModel model = CostModel::Fit({{Of(1, 16), absl::Milliseconds(3)}, {Of(1, 4096), absl::Milliseconds(1)}});
  EXPECT_GT(model.Predict(Of(1, 1)), absl::ZeroDuration());
  EXPECT_GE(model.PredictMarginal(Of(1, 65536)), absl::ZeroDuration());
}

TEST(CostModelTest, FollowsADeviceThatBecomesSlower) {
  CostModel model =
      CostModel::Fit({{Of(1, 16), True(Of(1, 16))}, {Of(1, 256), True(Of(1, 256))}, {Of(1, 4096), True(Of(1, 4096))}});
  for (int i = 0; i < 100; ++i) model.Record(Of(4, 256), 2 * True(Of(4, 256)));
  EXPECT_NEAR(Ratio(model, Of(1, 1024)), 2, 0.2);
}

TEST(CostModelTest, OneOddBatchMovesItLittle) {
  CostModel model = CostModel::Fit({{Of(1, 16), True(Of(1, 16))}, {Of(1, 4096), True(Of(1, 4096))}});
  const absl::Duration before = model.Predict(Of(1, 256));
  model.Record(Of(1, 256), 1000 * before);
  EXPECT_LT(model.Predict(Of(1, 256)), 1.5 * before);
}

TEST(CostModelTest, KnowsNothingBeforeTheFirstBatchAndItsSizeAfterIt) {
  CostModel model;
  EXPECT_EQ(model.Predict(Of(1, 256)), absl::ZeroDuration());
  model.Record(Of(1, 256), absl::ZeroDuration());
  EXPECT_EQ(model.Predict(Of(1, 256)), absl::ZeroDuration());
  model.Record(Of(1, 256), absl::Milliseconds(256));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(model.Predict(Of(1, 512))), 512, 1);
}

}  // namespace
}  // namespace vitok
