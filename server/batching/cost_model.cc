#include "server/batching/cost_model.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace vitok {
namespace {

constexpr int kTerms = 3;
constexpr double kNewestBatchWeight = 0.1;
// One odd batch (a page fault storm, a busy neighbour) must not double every prediction.
constexpr double kMaxStep = 4;

using Vector = std::array<double, kTerms>;

Vector Terms(const BatchSize& size) {
  return {static_cast<double>(size.tokens), static_cast<double>(size.square_tokens), 1.0};
}

// Minimises |rows · x - 1|² with x >= 0 by coordinate descent, which is exact enough after a few hundred rounds for the
// three well separated terms. Rows are divided by their durations, so errors are relative.
Vector NonNegativeLeastSquares(const std::vector<Vector>& rows) {
  Vector scales{};  // columns differ by ten orders of magnitude
  for (const Vector& row : rows) {
    for (int i = 0; i < kTerms; ++i) scales[i] = std::max(scales[i], row[i]);
  }
  Vector x{};
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kTerms; ++i) {
      double dot = 0;
      double square = 0;
      for (const Vector& row : rows) {
        double rest = 1;
        for (int j = 0; j < kTerms; ++j) {
          if (j != i) rest -= row[j] / scales[j] * x[j];
        }
        dot += row[i] / scales[i] * rest;
        square += row[i] / scales[i] * row[i] / scales[i];
      }
      x[i] = std::max(0.0, dot / square);
    }
  }
  for (int i = 0; i < kTerms; ++i) x[i] /= scales[i];
  return x;
}

}  // namespace

CostModel CostModel::Fit(absl::Span<const Sample> samples) {
  std::vector<Vector> rows;
  for (const Sample& sample : samples) {
    Vector row = Terms(sample.size);
    for (double& term : row) term /= absl::ToDoubleSeconds(sample.duration);
    rows.push_back(row);
  }
  const Vector x = NonNegativeLeastSquares(rows);
  CostModel model;
  model.per_token_ = x[0];
  model.per_square_token_ = x[1];
  model.per_batch_ = x[2];
  model.fitted_ = true;
  return model;
}

absl::Duration CostModel::PredictMarginal(const BatchSize& size) const {
  return absl::Seconds(scale_ * (per_token_ * static_cast<double>(size.tokens) +
                                 per_square_token_ * static_cast<double>(size.square_tokens)));
}

absl::Duration CostModel::Predict(const BatchSize& size) const {
  return PredictMarginal(size) + absl::Seconds(scale_ * per_batch_);
}

void CostModel::Record(const BatchSize& size, absl::Duration duration) {
  const double actual = absl::ToDoubleSeconds(duration);
  if (actual <= 0 || size.tokens <= 0) return;
  const double predicted = absl::ToDoubleSeconds(Predict(size));
  if (predicted <= 0) {
    per_token_ = actual / static_cast<double>(size.tokens);
    return;
  }
  const double ratio = std::clamp(actual / predicted, 1 / kMaxStep, kMaxStep);
  scale_ *= 1 + kNewestBatchWeight * (ratio - 1);
}

}  // namespace vitok
