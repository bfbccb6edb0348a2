// The server's Prometheus metrics. Free of torch.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/batching/token_budget_batcher.h"
#include "server/lifecycle/model_state.h"
#include "server/model_key.h"
#include "server/request_timings.h"

namespace vitok {

// "Encode", "Decode", "Reconstruct": the `method` label.
std::string_view MethodName(TokenizerOp op);

// All label sets of a model or device exist from AddModel and AddDevice on, so that rates are right from the first
// event on; they stay until the process ends, for the last requests of a model that is gone. Whatever belongs to no
// model that was added, such as a name that a client makes up, is counted under model "unknown", version 0.
// Thread-safe.
class ServerMetrics {
 public:
  // A finished call.
  struct Call {
    TokenizerOp op = TokenizerOp::kEncode;
    ModelKey model;  // not added: "unknown"
    absl::StatusCode code = absl::StatusCode::kOk;
    std::string rejection;  // ErrorInfo reason of a refused call, else empty
    absl::Duration duration;
    int64_t bytes_in = 0;
    int64_t bytes_out = 0;
  };

  // A batch that ran.
  struct BatchRecord {
    ModelKey model;
    std::string_view device;
    int64_t tokens = 0;
    int64_t images = 0;
    int64_t padded_tokens = 0;  // computed without being part of an image
    double fill = 0;            // share of the token budget; a single larger image has more than 1
    CloseReason reason = CloseReason::kIdle;
    absl::Duration duration;
  };

  // `version`: of the program.
  explicit ServerMetrics(std::string_view version);

  // Makes the series of a model or device; no effect if they exist.
  void AddModel(const ModelKey& model);
  void AddDevice(const std::string& device);

  void RecordCall(const Call& call);
  void RecordBatch(const BatchRecord& batch);

  // An item that got through all stages.
  void RecordItem(TokenizerOp op, const ModelKey& model, int64_t tokens, const RequestTimings& timings);

  // An item that ended in an error: counts those past their deadline and cancelled ones.
  void RecordItemError(const ModelKey& model, absl::StatusCode code);
  void RecordNonfinite(const ModelKey& model);

  // The state of a model; nullopt: it is gone.
  void SetModelState(const ModelKey& model, std::optional<ModelState> state);
  void RecordModelLoad(const ModelKey& model, absl::Duration duration);

  // Changes of what is admitted and not finished.
  void AddQueued(std::string_view device, int64_t requests, int64_t tokens);

  // Everything in Prometheus' text format, version 0.0.4.
  std::string PrometheusText() const;

 private:
  static constexpr size_t kOps = 3;
  static constexpr size_t kCodes = 17;
  static constexpr size_t kStages = 6;
  static constexpr size_t kCloseReasons = 3;

  struct MethodMetrics {
    std::array<prometheus::Counter*, kCodes> requests;
    prometheus::Histogram* duration = nullptr;
    std::array<prometheus::Histogram*, kStages> stages;
  };
  struct ModelMetrics {
    std::array<MethodMetrics, kOps> methods;
    prometheus::Histogram* queue_wait = nullptr;
    prometheus::Histogram* batch_tokens = nullptr;
    prometheus::Histogram* batch_images = nullptr;
    prometheus::Histogram* batch_fill = nullptr;
    std::array<prometheus::Counter*, kCloseReasons> batch_close;
    prometheus::Counter* padded_tokens = nullptr;
    prometheus::Counter* images = nullptr;
    prometheus::Counter* tokens = nullptr;
    prometheus::Counter* expired = nullptr;
    prometheus::Counter* cancelled = nullptr;
    prometheus::Counter* nonfinite = nullptr;
  };
  struct DeviceMetrics {
    prometheus::Gauge* queued_requests = nullptr;
    prometheus::Gauge* queued_tokens = nullptr;
    prometheus::Counter* busy_seconds = nullptr;
  };

  using CounterFamily = prometheus::Family<prometheus::Counter>;
  using GaugeFamily = prometheus::Family<prometheus::Gauge>;
  using HistogramFamily = prometheus::Family<prometheus::Histogram>;

  ModelMetrics MakeModel(const std::string& name, const std::string& version);
  ModelMetrics& ForModel(const ModelKey& model);
  DeviceMetrics* ForDevice(std::string_view device);

  CounterFamily& Counters(const char* name, const char* help);
  GaugeFamily& Gauges(const char* name, const char* help);
  HistogramFamily& Histograms(const char* name, const char* help);

  prometheus::Registry registry_;
  // By model:
  CounterFamily& requests_;
  HistogramFamily& duration_;
  HistogramFamily& stages_;
  HistogramFamily& queue_wait_;
  HistogramFamily& batch_tokens_;
  HistogramFamily& batch_images_;
  HistogramFamily& batch_fill_;
  CounterFamily& batch_close_;
  CounterFamily& padded_tokens_;
  CounterFamily& images_;
  CounterFamily& tokens_;
  CounterFamily& expired_;
  CounterFamily& cancelled_;
  CounterFamily& nonfinite_;
  // By device:
  GaugeFamily& queued_requests_;
  GaugeFamily& queued_tokens_;
  CounterFamily& busy_seconds_;
  // Of the lifecycle:
  GaugeFamily& model_state_;
  GaugeFamily& model_load_seconds_;

  ModelMetrics unknown_;
  std::map<std::string, prometheus::Counter*, std::less<>> rejected_;  // by ErrorInfo reason
  prometheus::Counter* bytes_in_ = nullptr;
  prometheus::Counter* bytes_out_ = nullptr;

  // Entries are never removed, so that references to them stay good.
  absl::Mutex mutex_;
  std::map<ModelKey, ModelMetrics> models_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, DeviceMetrics, std::less<>> devices_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vitok
