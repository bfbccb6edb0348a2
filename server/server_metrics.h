// The server's Prometheus metrics. Free of torch.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/batching/token_budget_batcher.h"
#include "server/request_timings.h"

namespace vitok {

// "Encode", "Decode", "Reconstruct": the `method` label.
std::string_view MethodName(TokenizerOp op);

// All label sets exist from the start, so that rates are right from the first event on; models are those of the
// configuration, and whatever name a client makes up is counted under "unknown". Thread-safe.
class ServerMetrics {
 public:
  // A finished call.
  struct Call {
    TokenizerOp op = TokenizerOp::kEncode;
    std::string_view model;  // empty or not loaded: "unknown"
    absl::StatusCode code = absl::StatusCode::kOk;
    std::string rejection;  // ErrorInfo reason of a refused call, else empty
    absl::Duration duration;
    int64_t bytes_in = 0;
    int64_t bytes_out = 0;
  };

  // A batch that ran.
  struct BatchRecord {
    std::string_view model;
    std::string_view device;
    int64_t tokens = 0;
    int64_t images = 0;
    int64_t padded_tokens = 0;  // computed without being part of an image
    double fill = 0;            // share of the token budget; a single larger image has more than 1
    CloseReason reason = CloseReason::kIdle;
    absl::Duration duration;
  };

  ServerMetrics(const std::vector<std::string>& models, const std::vector<std::string>& devices,
                std::string_view version);

  void RecordCall(const Call& call);
  void RecordBatch(const BatchRecord& batch);

  // An item that got through all stages.
  void RecordItem(TokenizerOp op, std::string_view model, int64_t tokens, const RequestTimings& timings);

  // An item that ended in an error: counts those past their deadline and cancelled ones.
  void RecordItemError(std::string_view model, absl::StatusCode code);
  void RecordNonfinite(std::string_view model);

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

  ModelMetrics& ForModel(std::string_view model);

  prometheus::Registry registry_;
  std::map<std::string, ModelMetrics, std::less<>> models_;
  std::map<std::string, DeviceMetrics, std::less<>> devices_;
  std::map<std::string, prometheus::Counter*, std::less<>> rejected_;  // by ErrorInfo reason
  prometheus::Counter* bytes_in_ = nullptr;
  prometheus::Counter* bytes_out_ = nullptr;
};

}  // namespace vitok
