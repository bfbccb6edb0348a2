#include "server/server_metrics.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "core/base/log.h"
#include "core/base/str_cat.h"
#include "prometheus/text_serializer.h"
#include "server/metric_families.h"
#include "server/process_metrics.h"
#include "server/status_details.h"

namespace vitok {
namespace {

size_t Index(auto value) { return static_cast<size_t>(value); }

}  // namespace

ServerMetrics::ServerMetrics(std::string_view version)
    : model_series_(registry_),
      unknown_(model_series_.Make("unknown", "0")),
      queued_requests_(Gauges(registry_, "vitok_queued_requests", "Items admitted and not finished")),
      queued_tokens_(Gauges(registry_, "vitok_queued_tokens", "Tokens admitted and not finished")),
      inflight_batches_(Gauges(registry_, "vitok_inflight_batches", "Batches on the device")),
      busy_seconds_(Counters(registry_, "vitok_device_busy_seconds_total", "Time a device spent on batches")),
      device_errors_(Counters(registry_, "vitok_device_errors_total", "Errors of the device itself")),
      model_state_(Gauges(registry_, "vitok_model_state", "1 for the state that a model is in, 0 for the others")),
      model_load_seconds_(
          Gauges(registry_, "vitok_model_load_seconds", "Time that the last load of a model took, warm-up included")) {
  prometheus::Family<prometheus::Counter>& rejected =
      Counters(registry_, "vitok_rejected_total", "Calls refused at the door");
  for (const std::string_view reason : {kReasonQueueRequests, kReasonQueueTokens, kReasonQueueBytes, kReasonQuota,
                                        kReasonDeadlinePredicted, kReasonDraining}) {
    rejected_[std::string(reason)] = &rejected.Add({{"reason", absl::AsciiStrToLower(ToAbsl(reason))}});
  }
  prometheus::Family<prometheus::Counter>& payload =
      Counters(registry_, "vitok_payload_bytes_total", "Bytes of request and reply messages");
  prometheus::Family<prometheus::Counter>& copied =
      Counters(registry_, "vitok_copied_bytes_total", "Bytes of payloads copied within host memory");
  constexpr const char* kDirections[] = {"in", "out"};  // in the order of CopyDirection
  for (size_t direction = 0; direction < std::size(kDirections); ++direction) {
    payload_bytes_[direction] = &payload.Add({{"direction", kDirections[direction]}});
    copied_bytes_[direction] = &copied.Add({{"direction", kDirections[direction]}});
  }
  scrape_values_.AddGroup(ScrapeValues::Kind::kCounter, "vitok_telemetry_dropped_total",
                          "Log lines and spans that could not be written", {}, "sink",
                          [this]() -> std::map<std::string, double> {
                            return {{"log", static_cast<double>(LostLogLines())}, {"trace", dropped_spans_.Value()}};
                          });
  scrape_values_.Add(ScrapeValues::Kind::kCounter, "vitok_telemetry_exported_total", "Spans that a collector took",
                     {{"sink", "trace"}}, [this] { return exported_spans_.Value(); });
  AddProcessMetrics(scrape_values_);
  Gauges(registry_, "vitok_build_info", "Always 1; the version is in the label")
      .Add({{"version", std::string(version)}})
      .Set(1);
}

void ServerMetrics::AddModel(const ModelKey& model) {
  absl::MutexLock lock(&mutex_);
  if (models_.count(model) == 0) {
    models_.emplace(model, model_series_.Make(model.name, std::to_string(model.version)));
  }
}

void ServerMetrics::AddDevice(const std::string& device, MemoryReader memory) {
  absl::MutexLock lock(&mutex_);
  const auto [entry, added] = devices_.try_emplace(device);
  if (!added) return;
  DeviceSeries& series = entry->second;
  const prometheus::Labels labels = {{"device", device}};
  series.queued_requests = &queued_requests_.Add(labels);
  series.queued_tokens = &queued_tokens_.Add(labels);
  series.inflight_batches = &inflight_batches_.Add(labels);
  series.busy_seconds = &busy_seconds_.Add(labels);
  for (const bool sticky : {false, true}) {
    series.errors[sticky] = &device_errors_.Add({{"device", device}, {"sticky", sticky ? "true" : "false"}});
  }
  if (device.starts_with("cuda")) AddGpu(device, series, std::move(memory));
}

// The names that GPU dashboards look for, with the values of the series that all devices have.
void ServerMetrics::AddGpu(const std::string& device, DeviceSeries& series, MemoryReader memory) {
  using Kind = ScrapeValues::Kind;
  const prometheus::Labels labels = {{"device", device}};
  scrape_values_.Add(Kind::kCounter, "vitok_gpu_busy_seconds_total", "Time a GPU spent on batches", labels,
                     [busy = series.busy_seconds] { return busy->Value(); });
  scrape_values_.AddGroup(Kind::kCounter, "vitok_cuda_errors_total", "Errors of CUDA, sticky or not", labels, "sticky",
                          [errors = series.errors]() -> std::map<std::string, double> {
                            return {{"false", errors[0]->Value()}, {"true", errors[1]->Value()}};
                          });
  if (memory == nullptr) return;
  scrape_values_.AddGroup(Kind::kGauge, "vitok_gpu_memory_bytes", "Memory of a GPU by kind", labels, "kind",
                          [memory, weights = &series.weights]() -> std::map<std::string, double> {
                            const std::optional<DeviceMemory> now = memory();
                            if (!now.has_value()) return {};
                            const auto allocated = static_cast<double>(now->allocated);
                            return {{"weights", weights->Value()},
                                    {"activations", std::max(0.0, allocated - weights->Value())},
                                    {"reserved", static_cast<double>(now->reserved)},
                                    {"free", static_cast<double>(now->free)}};
                          });
  scrape_values_.Add(Kind::kGauge, "vitok_pinned_bytes", "Host memory pinned for transfers", labels,
                     [memory]() -> std::optional<double> {
                       const std::optional<DeviceMemory> now = memory();
                       if (!now.has_value()) return std::nullopt;
                       return static_cast<double>(now->pinned);
                     });
}

ModelSeries& ServerMetrics::ForModel(const ModelKey& model) {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = models_.find(model);
  return found != models_.end() ? found->second : unknown_;
}

ServerMetrics::DeviceSeries* ServerMetrics::ForDevice(std::string_view device) {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = devices_.find(device);
  return found != devices_.end() ? &found->second : nullptr;
}

void ServerMetrics::RecordCall(const Call& call) {
  ModelSeries& model = ForModel(call.model);
  ModelSeries::Method& method = model.methods[Index(call.op)];
  method.requests[Index(call.code)]->Increment();
  method.duration->Observe(absl::ToDoubleSeconds(call.duration));
  payload_bytes_[Index(CopyDirection::kIn)]->Increment(static_cast<double>(call.bytes_in));
  payload_bytes_[Index(CopyDirection::kOut)]->Increment(static_cast<double>(call.bytes_out));
  if (call.code == absl::StatusCode::kOk) return;
  const auto rejected = rejected_.find(call.rejection);
  if (rejected != rejected_.end()) rejected->second->Increment();
  if (call.rejection == kReasonDeadlinePredicted) {
    model.expired[Index(ItemPlace::kPredicted)]->Increment(static_cast<double>(call.items));
  }
  recent_errors_.Add(absl::Now(), MethodName(call.op), &model == &unknown_ ? "" : call.model.ToString(), call.code,
                     call.rejection, call.error);
}

void ServerMetrics::RecordBatch(const BatchRecord& batch) {
  ModelSeries& model = ForModel(batch.model);
  model.batch_tokens->Observe(static_cast<double>(batch.tokens));
  model.batch_images->Observe(static_cast<double>(batch.images));
  model.padded_tokens->Increment(static_cast<double>(batch.padded_tokens));
  model.batch_fill->Observe(batch.fill);
  model.batch_close[Index(batch.reason)]->Increment();
  if (DeviceSeries* device = ForDevice(batch.device)) {
    device->busy_seconds->Increment(absl::ToDoubleSeconds(batch.duration));
  }
}

void ServerMetrics::RecordItem(TokenizerOp op, const ModelKey& model_key, int64_t tokens, const RequestTimings& timings,
                               int64_t pixels) {
  ModelSeries& model = ForModel(model_key);
  model.queue_wait->Observe(absl::ToDoubleSeconds(timings.queue));
  ModelSeries::Method& method = model.methods[Index(op)];
  method.images->Increment();
  method.pixels->Increment(static_cast<double>(pixels));
  method.tokens->Increment(static_cast<double>(tokens));
  for (size_t stage = 0; stage < ModelSeries::kStages; ++stage) {
    method.stages[stage]->Observe(absl::ToDoubleSeconds(timings.*kTimedStages[stage].time));
  }
}

void ServerMetrics::RecordItemError(const ModelKey& model, absl::StatusCode code, ItemPlace place) {
  if (code == absl::StatusCode::kDeadlineExceeded) ForModel(model).expired[Index(place)]->Increment();
  // Nobody can cancel at the door: the call ends before gRPC says so.
  if (code == absl::StatusCode::kCancelled && place != ItemPlace::kPredicted) {
    ForModel(model).cancelled[Index(place)]->Increment();
  }
}

void ServerMetrics::RecordNonfinite(const ModelKey& model) { ForModel(model).nonfinite->Increment(); }

void ServerMetrics::SetModelState(const ModelKey& model, std::optional<ModelState> state) {
  for (const ModelState each : kModelStates) {
    model_state_
        .Add({{"model", model.name},
              {"version", std::to_string(model.version)},
              {"state", std::string(ModelStateName(each))}})
        .Set(state == each ? 1 : 0);
  }
}

void ServerMetrics::RecordModelLoad(const ModelKey& model, absl::Duration duration) {
  model_load_seconds_.Add({{"model", model.name}, {"version", std::to_string(model.version)}})
      .Set(absl::ToDoubleSeconds(duration));
}

void ServerMetrics::AddQueued(std::string_view device, int64_t requests, int64_t tokens) {
  if (DeviceSeries* found = ForDevice(device)) {
    found->queued_requests->Increment(static_cast<double>(requests));
    found->queued_tokens->Increment(static_cast<double>(tokens));
  }
}

void ServerMetrics::AddInflightBatches(std::string_view device, int64_t batches) {
  if (DeviceSeries* found = ForDevice(device)) found->inflight_batches->Increment(static_cast<double>(batches));
}

void ServerMetrics::AddWeights(std::string_view device, int64_t bytes) {
  if (DeviceSeries* found = ForDevice(device)) found->weights.Increment(static_cast<double>(bytes));
}

void ServerMetrics::RecordDeviceError(std::string_view device, bool sticky) {
  if (DeviceSeries* found = ForDevice(device)) found->errors[sticky]->Increment();
}

void ServerMetrics::RecordCopy(CopyDirection direction, int64_t bytes) {
  copied_bytes_[Index(direction)]->Increment(static_cast<double>(bytes));
}

void ServerMetrics::RecordDroppedSpans(int64_t count) { dropped_spans_.Increment(static_cast<double>(count)); }

std::vector<MethodCounts> ServerMetrics::CountsByMethod() const {
  absl::ReaderMutexLock lock(&mutex_);
  std::vector<MethodCounts> all;
  for (const auto& [key, model] : models_) {
    for (size_t op = 0; op < ModelSeries::kOps; ++op) {
      const ModelSeries::Method& method = model.methods[op];
      MethodCounts counts{.model = key, .method = std::string(MethodName(static_cast<TokenizerOp>(op)))};
      for (const prometheus::Counter* requests : method.requests) counts.requests += requests->Value();
      counts.images = method.images->Value();
      counts.tokens = method.tokens->Value();
      counts.pixels = method.pixels->Value();
      counts.duration = method.duration->Collect().histogram;
      all.push_back(std::move(counts));
    }
  }
  return all;
}

std::vector<std::pair<std::string, int64_t>> ServerMetrics::Rejections() const {
  std::vector<std::pair<std::string, int64_t>> rejections;
  for (const auto& [reason, count] : rejected_) rejections.emplace_back(reason, static_cast<int64_t>(count->Value()));
  return rejections;
}

std::vector<ServerMetrics::DeviceState> ServerMetrics::Devices() const {
  absl::ReaderMutexLock lock(&mutex_);
  std::vector<DeviceState> devices;
  for (const auto& [name, series] : devices_) {
    devices.push_back({.name = name,
                       .queued_requests = static_cast<int64_t>(series.queued_requests->Value()),
                       .queued_tokens = static_cast<int64_t>(series.queued_tokens->Value()),
                       .inflight_batches = static_cast<int64_t>(series.inflight_batches->Value())});
  }
  return devices;
}

std::vector<prometheus::MetricFamily> ServerMetrics::Collect() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  std::vector<prometheus::MetricFamily> read = scrape_values_.Collect();
  std::move(read.begin(), read.end(), std::back_inserter(families));
  return families;
}

std::string ServerMetrics::PrometheusText() const { return prometheus::TextSerializer().Serialize(Collect()); }

}  // namespace vitok
