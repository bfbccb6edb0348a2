#include "server/server_metrics.h"

#include "absl/strings/ascii.h"
#include "core/base/str_cat.h"
#include "prometheus/text_serializer.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr TokenizerOp kAllOps[] = {TokenizerOp::kEncode, TokenizerOp::kDecode, TokenizerOp::kReconstruct};

struct Stage {
  const char* name;
  absl::Duration RequestTimings::*time;
};
constexpr Stage kStageTimes[] = {
    {"preprocess", &RequestTimings::preprocess},         {"queue", &RequestTimings::queue},
    {"host_to_device", &RequestTimings::host_to_device}, {"compute", &RequestTimings::compute},
    {"device_to_host", &RequestTimings::device_to_host}, {"postprocess", &RequestTimings::postprocess},
};

constexpr const char* kCloseReasonNames[] = {"full", "delay", "idle"};  // in the order of CloseReason

// 0.25 ms to 32 s: doubling, but in steps of about 1.4 between 2 and 500 ms, where SLOs lie.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.00025, 0.0005, 0.001, 0.002, 0.0028, 0.004, 0.0056, 0.008, 0.011, 0.016, 0.022, 0.032, 0.045,
    0.064,   0.09,   0.125, 0.18,  0.25,   0.35,  0.5,    1,     2,     4,     8,     16,    32};
const prometheus::Histogram::BucketBoundaries kTokens = {16,   32,   64,   128,   256,   512,   1024,
                                                         2048, 4096, 8192, 16384, 32768, 65536, 131072};
const prometheus::Histogram::BucketBoundaries kRatio = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1};
const prometheus::Histogram::BucketBoundaries kImages = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

}  // namespace

std::string_view MethodName(TokenizerOp op) {
  switch (op) {
    case TokenizerOp::kEncode: return "Encode";
    case TokenizerOp::kDecode: return "Decode";
    case TokenizerOp::kReconstruct: return "Reconstruct";
  }
  return "";
}

ServerMetrics::CounterFamily& ServerMetrics::Counters(const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
}

ServerMetrics::GaugeFamily& ServerMetrics::Gauges(const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
}

ServerMetrics::HistogramFamily& ServerMetrics::Histograms(const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
}

ServerMetrics::ServerMetrics(std::string_view version)
    : requests_(Counters("vitok_requests_total", "Finished calls")),
      duration_(Histograms("vitok_request_duration_seconds", "Time from a call's arrival to its reply")),
      stages_(Histograms("vitok_stage_duration_seconds", "Time of each item by stage")),
      queue_wait_(Histograms("vitok_queue_wait_seconds", "Time of each item from ready to the start of its batch")),
      batch_tokens_(Histograms("vitok_batch_tokens", "Tokens of each batch")),
      batch_images_(Histograms("vitok_batch_images", "Images or latents of each batch")),
      batch_fill_(Histograms("vitok_batch_fill_ratio", "Tokens of each batch over the token budget")),
      batch_close_(Counters("vitok_batch_close_total", "Batches by why they held no more")),
      padded_tokens_(Counters("vitok_padded_tokens_total", "Tokens computed that belong to no image")),
      images_(Counters("vitok_images_total", "Images or latents done")),
      tokens_(Counters("vitok_tokens_total", "Tokens of images or latents done")),
      expired_(Counters("vitok_expired_total", "Items whose deadline passed unserved")),
      cancelled_(Counters("vitok_cancelled_total", "Items that the client cancelled")),
      nonfinite_(Counters("vitok_nonfinite_total", "Items with a non-finite result of finite input")),
      queued_requests_(Gauges("vitok_queued_requests", "Items admitted and not finished")),
      queued_tokens_(Gauges("vitok_queued_tokens", "Tokens admitted and not finished")),
      busy_seconds_(Counters("vitok_device_busy_seconds_total", "Time a device spent on batches")),
      model_state_(Gauges("vitok_model_state", "1 for the state that a model is in, 0 for the others")),
      model_load_seconds_(
          Gauges("vitok_model_load_seconds", "Time that the last load of a model took, warm-up included")),
      unknown_(MakeModel("unknown", "0")) {
  CounterFamily& rejected = Counters("vitok_rejected_total", "Calls refused at the door");
  for (const std::string_view reason : {kReasonQueueRequests, kReasonQueueTokens, kReasonQueueBytes, kReasonQuota,
                                        kReasonDeadlinePredicted, kReasonDraining}) {
    rejected_[std::string(reason)] = &rejected.Add({{"reason", absl::AsciiStrToLower(ToAbsl(reason))}});
  }
  CounterFamily& bytes = Counters("vitok_payload_bytes", "Bytes of request and reply messages");
  bytes_in_ = &bytes.Add({{"direction", "in"}});
  bytes_out_ = &bytes.Add({{"direction", "out"}});
  Gauges("vitok_build_info", "Always 1; the version is in the label").Add({{"version", std::string(version)}}).Set(1);
}

ServerMetrics::ModelMetrics ServerMetrics::MakeModel(const std::string& name, const std::string& version) {
  const prometheus::Labels by_model = {{"model", name}, {"version", version}};
  const auto with = [&by_model](prometheus::Labels labels) {
    labels.insert(by_model.begin(), by_model.end());
    return labels;
  };
  ModelMetrics model;
  for (size_t op = 0; op < kOps; ++op) {
    MethodMetrics& method = model.methods[op];
    const std::string method_name(MethodName(kAllOps[op]));
    method.duration = &duration_.Add(with({{"method", method_name}}), kSeconds);
    for (size_t code = 0; code < kCodes; ++code) {
      const std::string code_name(CodeName(static_cast<absl::StatusCode>(code)));
      method.requests[code] = &requests_.Add(with({{"method", method_name}, {"code", code_name}}));
    }
    for (size_t stage = 0; stage < kStages; ++stage) {
      method.stages[stage] =
          &stages_.Add(with({{"method", method_name}, {"stage", kStageTimes[stage].name}}), kSeconds);
    }
  }
  model.queue_wait = &queue_wait_.Add(by_model, kSeconds);
  model.batch_tokens = &batch_tokens_.Add(by_model, kTokens);
  model.batch_images = &batch_images_.Add(by_model, kImages);
  model.batch_fill = &batch_fill_.Add(by_model, kRatio);
  for (size_t reason = 0; reason < kCloseReasons; ++reason) {
    model.batch_close[reason] = &batch_close_.Add(with({{"reason", kCloseReasonNames[reason]}}));
  }
  model.padded_tokens = &padded_tokens_.Add(by_model);
  model.images = &images_.Add(by_model);
  model.tokens = &tokens_.Add(by_model);
  model.expired = &expired_.Add(by_model);
  model.cancelled = &cancelled_.Add(by_model);
  model.nonfinite = &nonfinite_.Add(by_model);
  return model;
}

void ServerMetrics::AddModel(const ModelKey& model) {
  absl::MutexLock lock(&mutex_);
  if (models_.count(model) == 0) models_.emplace(model, MakeModel(model.name, std::to_string(model.version)));
}

void ServerMetrics::AddDevice(const std::string& device) {
  absl::MutexLock lock(&mutex_);
  const prometheus::Labels by_device = {{"device", device}};
  devices_[device] = {&queued_requests_.Add(by_device), &queued_tokens_.Add(by_device), &busy_seconds_.Add(by_device)};
}

ServerMetrics::ModelMetrics& ServerMetrics::ForModel(const ModelKey& model) {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = models_.find(model);
  return found != models_.end() ? found->second : unknown_;
}

ServerMetrics::DeviceMetrics* ServerMetrics::ForDevice(std::string_view device) {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = devices_.find(device);
  return found != devices_.end() ? &found->second : nullptr;
}

void ServerMetrics::RecordCall(const Call& call) {
  MethodMetrics& method = ForModel(call.model).methods[static_cast<size_t>(call.op)];
  method.requests[static_cast<size_t>(call.code)]->Increment();
  method.duration->Observe(absl::ToDoubleSeconds(call.duration));
  bytes_in_->Increment(static_cast<double>(call.bytes_in));
  bytes_out_->Increment(static_cast<double>(call.bytes_out));
  const auto rejected = rejected_.find(call.rejection);
  if (rejected != rejected_.end()) rejected->second->Increment();
}

void ServerMetrics::RecordBatch(const BatchRecord& batch) {
  ModelMetrics& model = ForModel(batch.model);
  model.batch_tokens->Observe(static_cast<double>(batch.tokens));
  model.batch_images->Observe(static_cast<double>(batch.images));
  model.padded_tokens->Increment(static_cast<double>(batch.padded_tokens));
  model.batch_fill->Observe(batch.fill);
  model.batch_close[static_cast<size_t>(batch.reason)]->Increment();
  if (DeviceMetrics* device = ForDevice(batch.device)) {
    device->busy_seconds->Increment(absl::ToDoubleSeconds(batch.duration));
  }
}

void ServerMetrics::RecordItem(TokenizerOp op, const ModelKey& model_key, int64_t tokens,
                               const RequestTimings& timings) {
  ModelMetrics& model = ForModel(model_key);
  model.images->Increment();
  model.tokens->Increment(static_cast<double>(tokens));
  model.queue_wait->Observe(absl::ToDoubleSeconds(timings.queue));
  MethodMetrics& method = model.methods[static_cast<size_t>(op)];
  for (size_t stage = 0; stage < kStages; ++stage) {
    method.stages[stage]->Observe(absl::ToDoubleSeconds(timings.*kStageTimes[stage].time));
  }
}

void ServerMetrics::RecordItemError(const ModelKey& model, absl::StatusCode code) {
  if (code == absl::StatusCode::kDeadlineExceeded) ForModel(model).expired->Increment();
  if (code == absl::StatusCode::kCancelled) ForModel(model).cancelled->Increment();
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
  if (DeviceMetrics* found = ForDevice(device)) {
    found->queued_requests->Increment(static_cast<double>(requests));
    found->queued_tokens->Increment(static_cast<double>(tokens));
  }
}

std::string ServerMetrics::PrometheusText() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace vitok
