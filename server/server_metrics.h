// The server's Prometheus metrics; docs/METRICS.md describes every series. Free of torch.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "server/lifecycle/model_state.h"
#include "server/model_key.h"
#include "server/model_series.h"
#include "server/rate_window.h"
#include "server/recent_errors.h"
#include "server/scrape_values.h"

namespace vitok {

// All label sets of a model or device exist from AddModel and AddDevice on, so that rates are right from the first
// event on; they stay until the process ends, for the last requests of a model that is gone. Whatever belongs to no
// model that was added, such as a name that a client makes up, is counted under model "unknown", version 0.
// Thread-safe; to record costs about a microsecond a call.
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
    int64_t items = 1;       // counted as expired when the call was refused for its deadline
    std::string_view error;  // message, for the list of recent errors
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

  // Memory of a CUDA device; bytes.
  struct DeviceMemory {
    int64_t allocated = 0;  // for tensors: weights and activations
    int64_t reserved = 0;   // taken from the device, allocated or kept for later
    int64_t free = 0;       // left to take, whoever uses the rest
    int64_t pinned = 0;     // host memory for transfers
  };
  using MemoryReader = std::function<std::optional<DeviceMemory>()>;

  enum class CopyDirection { kIn, kOut };  // from a request's message, into a reply's

  // What a device has to do now.
  struct DeviceState {
    std::string name;
    int64_t queued_requests = 0;
    int64_t queued_tokens = 0;
    int64_t inflight_batches = 0;
  };

  // `version`: of the program.
  explicit ServerMetrics(std::string_view version);

  // Makes the series of a model or device; no effect if they exist. Names that begin with "cuda" have those of a GPU
  // as well; `memory` is asked at each scrape, on any thread.
  void AddModel(const ModelKey& model);
  void AddDevice(const std::string& device, MemoryReader memory = nullptr);

  void RecordCall(const Call& call);
  void RecordBatch(const BatchRecord& batch);

  // An item that got through all stages. `pixels`: of the image, 0 for latents.
  void RecordItem(TokenizerOp op, const ModelKey& model, int64_t tokens, const RequestTimings& timings,
                  int64_t pixels = 0);

  // An item that ended in an error: counts those past their deadline and cancelled ones, each with where it was.
  void RecordItemError(const ModelKey& model, absl::StatusCode code, ItemPlace place = ItemPlace::kQueue);
  void RecordNonfinite(const ModelKey& model);

  // The state of a model; nullopt: it is gone.
  void SetModelState(const ModelKey& model, std::optional<ModelState> state);
  void RecordModelLoad(const ModelKey& model, absl::Duration duration);

  // Changes of what is admitted and not finished, of the batches on a device, and of the weights on it.
  void AddQueued(std::string_view device, int64_t requests, int64_t tokens);
  void AddInflightBatches(std::string_view device, int64_t batches);
  void AddWeights(std::string_view device, int64_t bytes);

  // An error of the device itself. Sticky: it will run nothing any more.
  void RecordDeviceError(std::string_view device, bool sticky);

  // Bytes of a payload that were copied from one place in host memory to another.
  void RecordCopy(CopyDirection direction, int64_t bytes);

  // Spans of traces that a collector took, and those that could not be sent. Log lines that could not be written are
  // counted by core/base/log.h.
  void RecordExportedSpans(int64_t count) { exported_spans_.Increment(static_cast<double>(count)); }
  void RecordDroppedSpans(int64_t count);

  // For what is read only when somebody asks: see ScrapeValues.
  ScrapeValues& scrape_values() { return scrape_values_; }

  // All families now.
  std::vector<prometheus::MetricFamily> Collect() const;

  // Everything in Prometheus' text format, version 0.0.4.
  std::string PrometheusText() const;

  // For the status page: the methods of the models that were added, refused calls by reason, devices, errors.
  std::vector<MethodCounts> CountsByMethod() const;
  std::vector<std::pair<std::string, int64_t>> Rejections() const;
  std::vector<DeviceState> Devices() const;
  const RecentErrors& recent_errors() const { return recent_errors_; }

 private:
  // Of one device.
  struct DeviceSeries {
    prometheus::Gauge* queued_requests = nullptr;
    prometheus::Gauge* queued_tokens = nullptr;
    prometheus::Gauge* inflight_batches = nullptr;
    prometheus::Counter* busy_seconds = nullptr;
    std::array<prometheus::Counter*, 2> errors = {};  // by sticky
    prometheus::Gauge weights;                        // shown for GPUs only, with the rest of their memory
  };

  ModelSeries& ForModel(const ModelKey& model);
  DeviceSeries* ForDevice(std::string_view device);
  void AddGpu(const std::string& device, DeviceSeries& series, MemoryReader memory);

  prometheus::Registry registry_;
  ScrapeValues scrape_values_;
  RecentErrors recent_errors_;
  ModelSeriesMaker model_series_;
  ModelSeries unknown_;

  // By device:
  prometheus::Family<prometheus::Gauge>& queued_requests_;
  prometheus::Family<prometheus::Gauge>& queued_tokens_;
  prometheus::Family<prometheus::Gauge>& inflight_batches_;
  prometheus::Family<prometheus::Counter>& busy_seconds_;
  prometheus::Family<prometheus::Counter>& device_errors_;
  // Of the lifecycle:
  prometheus::Family<prometheus::Gauge>& model_state_;
  prometheus::Family<prometheus::Gauge>& model_load_seconds_;

  std::map<std::string, prometheus::Counter*, std::less<>> rejected_;  // by ErrorInfo reason
  std::array<prometheus::Counter*, 2> payload_bytes_ = {};             // by CopyDirection
  std::array<prometheus::Counter*, 2> copied_bytes_ = {};
  prometheus::Counter exported_spans_;
  prometheus::Counter dropped_spans_;

  // Entries are never removed, so that references to them stay good.
  mutable absl::Mutex mutex_;
  std::map<ModelKey, ModelSeries> models_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, DeviceSeries, std::less<>> devices_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vitok
