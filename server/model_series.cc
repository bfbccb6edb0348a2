#include "server/model_series.h"

#include "server/metric_families.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr TokenizerOp kAllOps[] = {TokenizerOp::kEncode, TokenizerOp::kDecode, TokenizerOp::kReconstruct};
constexpr const char* kItemPlaceNames[] = {"predicted", "before_preprocess", "queue", "dispatched"};  // of ItemPlace

// 0.25 ms to 32 s: doubling, but in steps of about 1.4 between 2 and 500 ms, where SLOs lie.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.00025, 0.0005, 0.001, 0.002, 0.0028, 0.004, 0.0056, 0.008, 0.011, 0.016, 0.022, 0.032, 0.045,
    0.064,   0.09,   0.125, 0.18,  0.25,   0.35,  0.5,    1,     2,     4,     8,     16,    32};
const prometheus::Histogram::BucketBoundaries kTokens = {16,   32,   64,   128,   256,   512,   1024,
                                                         2048, 4096, 8192, 16384, 32768, 65536, 131072};
const prometheus::Histogram::BucketBoundaries kRatio = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1};
const prometheus::Histogram::BucketBoundaries kImages = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};

prometheus::Labels With(prometheus::Labels labels, const char* name, std::string_view value) {
  labels.emplace(name, std::string(value));
  return labels;
}

}  // namespace

std::string_view CloseReasonName(CloseReason reason) {
  switch (reason) {
    case CloseReason::kFull: return "full";
    case CloseReason::kDelay: return "delay";
    case CloseReason::kIdle: return "idle";
  }
  return "";
}

std::string_view MethodName(TokenizerOp op) {
  switch (op) {
    case TokenizerOp::kEncode: return "Encode";
    case TokenizerOp::kDecode: return "Decode";
    case TokenizerOp::kReconstruct: return "Reconstruct";
  }
  return "";
}

ModelSeriesMaker::ModelSeriesMaker(prometheus::Registry& registry)
    : requests_(Counters(registry, "vitok_requests_total", "Finished calls")),
      duration_(Histograms(registry, "vitok_request_duration_seconds", "Time from a call's arrival to its reply")),
      stages_(Histograms(registry, "vitok_stage_duration_seconds", "Time of each item by stage")),
      images_(Counters(registry, "vitok_images_total", "Images or latents done")),
      pixels_(Counters(registry, "vitok_pixels_total", "Pixels of the images done, of whole images only")),
      tokens_(Counters(registry, "vitok_tokens_total", "Tokens of images or latents done")),
      queue_wait_(
          Histograms(registry, "vitok_queue_wait_seconds", "Time of each item from ready to the start of its batch")),
      batch_tokens_(Histograms(registry, "vitok_batch_tokens", "Tokens of each batch")),
      batch_images_(Histograms(registry, "vitok_batch_images", "Images or latents of each batch")),
      batch_fill_(Histograms(registry, "vitok_batch_fill_ratio", "Tokens of each batch over the token budget")),
      batch_close_(Counters(registry, "vitok_batch_close_total", "Batches by why they held no more")),
      padded_tokens_(Counters(registry, "vitok_padded_tokens_total", "Tokens computed that belong to no image")),
      expired_(Counters(registry, "vitok_expired_total", "Items whose deadline passed, or would have, by where")),
      cancelled_(Counters(registry, "vitok_cancelled_total", "Items that the client cancelled, by where they were")),
      nonfinite_(Counters(registry, "vitok_nonfinite_total", "Items with a non-finite result of finite input")) {}

ModelSeries::Method ModelSeriesMaker::MakeMethod(const prometheus::Labels& labels) {
  ModelSeries::Method method;
  for (size_t code = 0; code < ModelSeries::kCodes; ++code) {
    method.requests[code] = &requests_.Add(With(labels, "code", CodeName(static_cast<absl::StatusCode>(code))));
  }
  method.duration = &duration_.Add(labels, kSeconds);
  for (size_t stage = 0; stage < ModelSeries::kStages; ++stage) {
    method.stages[stage] = &stages_.Add(With(labels, "stage", kTimedStages[stage].name), kSeconds);
  }
  method.images = &images_.Add(labels);
  method.pixels = &pixels_.Add(labels);
  method.tokens = &tokens_.Add(labels);
  return method;
}

ModelSeries ModelSeriesMaker::Make(const std::string& model, const std::string& version) {
  const prometheus::Labels labels = {{"model", model}, {"version", version}};
  ModelSeries series;
  for (size_t op = 0; op < ModelSeries::kOps; ++op) {
    series.methods[op] = MakeMethod(With(labels, "method", MethodName(kAllOps[op])));
  }
  series.queue_wait = &queue_wait_.Add(labels, kSeconds);
  series.batch_tokens = &batch_tokens_.Add(labels, kTokens);
  series.batch_images = &batch_images_.Add(labels, kImages);
  series.batch_fill = &batch_fill_.Add(labels, kRatio);
  for (size_t reason = 0; reason < ModelSeries::kCloseReasons; ++reason) {
    series.batch_close[reason] =
        &batch_close_.Add(With(labels, "reason", CloseReasonName(static_cast<CloseReason>(reason))));
  }
  series.padded_tokens = &padded_tokens_.Add(labels);
  for (size_t place = 0; place < kItemPlaces; ++place) {
    series.expired[place] = &expired_.Add(With(labels, "where", kItemPlaceNames[place]));
    const bool can_cancel = place != static_cast<size_t>(ItemPlace::kPredicted);
    series.cancelled[place] = can_cancel ? &cancelled_.Add(With(labels, "where", kItemPlaceNames[place])) : nullptr;
  }
  series.nonfinite = &nonfinite_.Add(labels);
  return series;
}

}  // namespace vitok
