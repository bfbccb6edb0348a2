// How long a device takes for a batch. Free of torch.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/batching/batch_task.h"

namespace vitok {

// seconds = scale · (a·Σn + b·Σn² + c): the linear layers, attention, and what each batch costs whatever its size.
// Fitted to a few batches at warm-up; `scale` follows what batches take later. Not thread-safe.
class CostModel {
 public:
  struct Sample {
    BatchSize size;
    absl::Duration duration;
  };

  // Predicts zero for everything until a batch was recorded.
  CostModel() = default;

  // Least squares of the relative errors with a, b, c >= 0. REQUIRES: at least one sample; durations positive.
  static CostModel Fit(absl::Span<const Sample> samples);

  // False: Predict is but a guess, from the sizes of batches alone.
  bool fitted() const { return fitted_; }

  // Of a batch.
  absl::Duration Predict(const BatchSize& size) const;

  // Of one task more in a batch: Predict without c.
  absl::Duration PredictMarginal(const BatchSize& size) const;

  // A batch that ran. A model that was not fitted takes all of it for the cost of tokens.
  void Record(const BatchSize& size, absl::Duration duration);

 private:
  double per_token_ = 0;
  double per_square_token_ = 0;
  double per_batch_ = 0;
  double scale_ = 1;
  bool fitted_ = false;
};

}  // namespace vitok
