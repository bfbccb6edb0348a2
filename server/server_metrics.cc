#include "server/server_metrics.h"

#include "absl/strings/ascii.h"
#include "core/base/str_cat.h"
#include "prometheus/text_serializer.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr std::string_view kUnknownModel = "unknown";
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

template <typename Builder>
auto& MakeFamily(Builder builder, prometheus::Registry& registry, const char* name, const char* help) {
  return builder.Name(name).Help(help).Register(registry);
}

}  // namespace

std::string_view MethodName(TokenizerOp op) {
  switch (op) {
    case TokenizerOp::kEncode: return "Encode";
    case TokenizerOp::kDecode: return "Decode";
    case TokenizerOp::kReconstruct: return "Reconstruct";
  }
  return "";
}

ServerMetrics::ServerMetrics(const std::vector<std::string>& models, const std::vector<std::string>& devices,
                             std::string_view version) {
  using prometheus::BuildCounter;
  using prometheus::BuildGauge;
  using prometheus::BuildHistogram;
  prometheus::Registry& registry = registry_;

  auto& requests = MakeFamily(BuildCounter(), registry, "vitok_requests_total", "Finished calls");
  auto& duration = MakeFamily(BuildHistogram(), registry, "vitok_request_duration_seconds",
                              "Time from a call's arrival to its reply");
  auto& stages = MakeFamily(BuildHistogram(), registry, "vitok_stage_duration_seconds", "Time of each item by stage");
  auto& queue_wait = MakeFamily(BuildHistogram(), registry, "vitok_queue_wait_seconds",
                                "Time of each item from ready to the start of its batch");
  auto& batch_tokens = MakeFamily(BuildHistogram(), registry, "vitok_batch_tokens", "Tokens of each batch");
  auto& batch_images = MakeFamily(BuildHistogram(), registry, "vitok_batch_images", "Images or latents of each batch");
  auto& batch_fill =
      MakeFamily(BuildHistogram(), registry, "vitok_batch_fill_ratio", "Tokens of each batch over the token budget");
  auto& batch_close =
      MakeFamily(BuildCounter(), registry, "vitok_batch_close_total", "Batches by why they held no more");
  auto& padded =
      MakeFamily(BuildCounter(), registry, "vitok_padded_tokens_total", "Tokens computed that belong to no image");
  auto& images = MakeFamily(BuildCounter(), registry, "vitok_images_total", "Images or latents done");
  auto& tokens = MakeFamily(BuildCounter(), registry, "vitok_tokens_total", "Tokens of images or latents done");
  auto& expired = MakeFamily(BuildCounter(), registry, "vitok_expired_total", "Items whose deadline passed unserved");
  auto& cancelled = MakeFamily(BuildCounter(), registry, "vitok_cancelled_total", "Items that the client cancelled");
  auto& nonfinite =
      MakeFamily(BuildCounter(), registry, "vitok_nonfinite_total", "Items with a non-finite result of finite input");

  std::vector<std::string> names = models;
  names.emplace_back(kUnknownModel);
  for (const std::string& name : names) {
    const prometheus::Labels by_model = {{"model", name}};
    ModelMetrics& model = models_[name];
    for (size_t op = 0; op < kOps; ++op) {
      MethodMetrics& method = model.methods[op];
      const std::string method_name(MethodName(kAllOps[op]));
      const prometheus::Labels by_method = {{"method", method_name}, {"model", name}};
      method.duration = &duration.Add(by_method, kSeconds);
      for (size_t code = 0; code < kCodes; ++code) {
        const std::string code_name(CodeName(static_cast<absl::StatusCode>(code)));
        method.requests[code] = &requests.Add({{"method", method_name}, {"model", name}, {"code", code_name}});
      }
      for (size_t stage = 0; stage < kStages; ++stage) {
        method.stages[stage] =
            &stages.Add({{"method", method_name}, {"model", name}, {"stage", kStageTimes[stage].name}}, kSeconds);
      }
    }
    model.queue_wait = &queue_wait.Add(by_model, kSeconds);
    model.batch_tokens = &batch_tokens.Add(by_model, kTokens);
    model.batch_images = &batch_images.Add(by_model, kImages);
    model.batch_fill = &batch_fill.Add(by_model, kRatio);
    for (size_t reason = 0; reason < kCloseReasons; ++reason) {
      model.batch_close[reason] = &batch_close.Add({{"model", name}, {"reason", kCloseReasonNames[reason]}});
    }
    model.padded_tokens = &padded.Add(by_model);
    model.images = &images.Add(by_model);
    model.tokens = &tokens.Add(by_model);
    model.expired = &expired.Add(by_model);
    model.cancelled = &cancelled.Add(by_model);
    model.nonfinite = &nonfinite.Add(by_model);
  }

  auto& queued_requests =
      MakeFamily(BuildGauge(), registry, "vitok_queued_requests", "Items admitted and not finished");
  auto& queued_tokens = MakeFamily(BuildGauge(), registry, "vitok_queued_tokens", "Tokens admitted and not finished");
  auto& busy_seconds =
      MakeFamily(BuildCounter(), registry, "vitok_device_busy_seconds_total", "Time a device spent on batches");
  for (const std::string& device : devices) {
    const prometheus::Labels by_device = {{"device", device}};
    devices_[device] = {&queued_requests.Add(by_device), &queued_tokens.Add(by_device), &busy_seconds.Add(by_device)};
  }

  auto& rejected = MakeFamily(BuildCounter(), registry, "vitok_rejected_total", "Calls refused at the door");
  for (const std::string_view reason : {kReasonQueueRequests, kReasonQueueTokens, kReasonQueueBytes, kReasonQuota,
                                        kReasonDeadlinePredicted, kReasonDraining}) {
    rejected_[std::string(reason)] = &rejected.Add({{"reason", absl::AsciiStrToLower(ToAbsl(reason))}});
  }
  auto& bytes = MakeFamily(BuildCounter(), registry, "vitok_payload_bytes", "Bytes of request and reply messages");
  bytes_in_ = &bytes.Add({{"direction", "in"}});
  bytes_out_ = &bytes.Add({{"direction", "out"}});
  MakeFamily(BuildGauge(), registry, "vitok_build_info", "Always 1; the version is in the label")
      .Add({{"version", std::string(version)}})
      .Set(1);
}

ServerMetrics::ModelMetrics& ServerMetrics::ForModel(std::string_view model) {
  const auto found = models_.find(model);
  return found != models_.end() ? found->second : models_.find(kUnknownModel)->second;
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
  const auto device = devices_.find(batch.device);
  if (device != devices_.end()) device->second.busy_seconds->Increment(absl::ToDoubleSeconds(batch.duration));
}

void ServerMetrics::RecordItem(TokenizerOp op, std::string_view model_name, int64_t tokens,
                               const RequestTimings& timings) {
  ModelMetrics& model = ForModel(model_name);
  model.images->Increment();
  model.tokens->Increment(static_cast<double>(tokens));
  model.queue_wait->Observe(absl::ToDoubleSeconds(timings.queue));
  MethodMetrics& method = model.methods[static_cast<size_t>(op)];
  for (size_t stage = 0; stage < kStages; ++stage) {
    method.stages[stage]->Observe(absl::ToDoubleSeconds(timings.*kStageTimes[stage].time));
  }
}

void ServerMetrics::RecordItemError(std::string_view model, absl::StatusCode code) {
  if (code == absl::StatusCode::kDeadlineExceeded) ForModel(model).expired->Increment();
  if (code == absl::StatusCode::kCancelled) ForModel(model).cancelled->Increment();
}

void ServerMetrics::RecordNonfinite(std::string_view model) { ForModel(model).nonfinite->Increment(); }

void ServerMetrics::AddQueued(std::string_view device, int64_t requests, int64_t tokens) {
  const auto found = devices_.find(device);
  if (found == devices_.end()) return;
  found->second.queued_requests->Increment(static_cast<double>(requests));
  found->second.queued_tokens->Increment(static_cast<double>(tokens));
}

std::string ServerMetrics::PrometheusText() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace vitok
