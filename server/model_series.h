// The time series that each model has (docs/METRICS.md). Free of torch.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/batching/token_budget_batcher.h"
#include "server/request_timings.h"

namespace vitok {

// "Encode", "Decode", "Reconstruct": the `method` label.
std::string_view MethodName(TokenizerOp op);

// "full", "delay", "idle": the `reason` label of batches.
std::string_view CloseReasonName(CloseReason reason);

// The stages of RequestTimings, in order: names (the `stage` label) and members.
struct TimedStage {
  const char* name;
  absl::Duration RequestTimings::*time;
};
inline constexpr TimedStage kTimedStages[] = {
    {"preprocess", &RequestTimings::preprocess},         {"queue", &RequestTimings::queue},
    {"host_to_device", &RequestTimings::host_to_device}, {"compute", &RequestTimings::compute},
    {"device_to_host", &RequestTimings::device_to_host}, {"postprocess", &RequestTimings::postprocess},
};

// Where an item was when its deadline passed or its client gave it up.
enum class ItemPlace {
  kPredicted,         // at the door: its deadline would have passed before it was done
  kBeforePreprocess,  // admitted, not decoded yet
  kQueue,             // waited for a batch
  kDispatched,        // its batch ran or had run
};
inline constexpr size_t kItemPlaces = 4;

// Counters and histograms of one model. Pointers are never null and live as long as the registry. All are thread-safe.
struct ModelSeries {
  static constexpr size_t kOps = 3;
  static constexpr size_t kCodes = 17;  // of absl::StatusCode
  static constexpr size_t kStages = std::size(kTimedStages);
  static constexpr size_t kCloseReasons = 3;

  struct Method {
    std::array<prometheus::Counter*, kCodes> requests;
    prometheus::Histogram* duration = nullptr;
    std::array<prometheus::Histogram*, kStages> stages;
    prometheus::Counter* images = nullptr;
    prometheus::Counter* pixels = nullptr;
    prometheus::Counter* tokens = nullptr;
  };

  std::array<Method, kOps> methods;  // by TokenizerOp
  prometheus::Histogram* queue_wait = nullptr;
  prometheus::Histogram* batch_tokens = nullptr;
  prometheus::Histogram* batch_images = nullptr;
  prometheus::Histogram* batch_fill = nullptr;
  std::array<prometheus::Counter*, kCloseReasons> batch_close;
  prometheus::Counter* padded_tokens = nullptr;
  std::array<prometheus::Counter*, kItemPlaces> expired;    // by ItemPlace
  std::array<prometheus::Counter*, kItemPlaces> cancelled;  // kPredicted is nullptr
  prometheus::Counter* nonfinite = nullptr;
};

// Makes the series of models. Thread-safe.
class ModelSeriesMaker {
 public:
  // `registry` is not owned and must outlive this and what it makes.
  explicit ModelSeriesMaker(prometheus::Registry& registry);

  // A second call with the same labels gives the same series.
  ModelSeries Make(const std::string& model, const std::string& version);

 private:
  using CounterFamily = prometheus::Family<prometheus::Counter>;
  using HistogramFamily = prometheus::Family<prometheus::Histogram>;

  ModelSeries::Method MakeMethod(const prometheus::Labels& labels);

  CounterFamily& requests_;
  HistogramFamily& duration_;
  HistogramFamily& stages_;
  CounterFamily& images_;
  CounterFamily& pixels_;
  CounterFamily& tokens_;
  HistogramFamily& queue_wait_;
  HistogramFamily& batch_tokens_;
  HistogramFamily& batch_images_;
  HistogramFamily& batch_fill_;
  CounterFamily& batch_close_;
  CounterFamily& padded_tokens_;
  CounterFamily& expired_;
  CounterFamily& cancelled_;
  CounterFamily& nonfinite_;
};

}  // namespace vitok
