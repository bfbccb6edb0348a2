#include "server/tracing/request_spans.h"

#include <algorithm>
#include <utility>

#include "server/tracing/random_ids.h"

namespace vitok {
namespace {

constexpr size_t kSpansOfBatch = 6;
constexpr size_t kMaxMessageBytes = 1024;

// Which codes blame the server; the others are the client's doing (OpenTelemetry's conventions for gRPC).
bool IsServerError(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss: return true;
    default: return false;
  }
}

}  // namespace

RequestSpans::RequestSpans(SpanContext context, SpanId parent, std::string trace_state, std::string_view method,
                           absl::Time start)
    : context_(context), parent_(parent), trace_state_(std::move(trace_state)), method_(method), start_(start) {}

void RequestSpans::AddItem(const TracedItem& item) {
  const RequestTimings& timings = item.timings;
  if (!item.ok) ++failed_items_;
  const absl::Time ready = item.start + timings.preprocess;
  if (timings.preprocess > absl::ZeroDuration()) {
    preprocess_start_ = std::min(preprocess_start_, item.start);
    preprocess_end_ = std::max(preprocess_end_, ready);
  }
  if (!item.batch.valid()) return;
  auto stages = std::ranges::find_if(stages_, [&item](const Stages& known) { return known.batch == item.batch; });
  if (stages == stages_.end()) {
    if (stages_.size() == kMaxBatches) return;
    stages = stages_.insert(stages_.end(), {.batch = item.batch,
                                            .queued = ready,
                                            .timings = timings,
                                            .computed = absl::InfinitePast(),
                                            .done = absl::InfinitePast()});
  }
  // Of an item that failed behind its batch, only the way to there is known.
  const absl::Time back = ready + timings.queue + timings.host_to_device + timings.compute + timings.device_to_host;
  const absl::Time done = item.ok ? item.start + timings.total : back;
  stages->computed = std::max(stages->computed, item.ok ? done - timings.postprocess : back);
  stages->done = std::max(stages->done, done);
  ++stages->items;
  stages->tokens += item.tokens;
}

void RequestSpans::End(const TracedCall& call, absl::Time end) {
  end_ = std::max(start_, end);
  if (call.model != nullptr) model_ = *call.model;
  images_ = call.images;
  tokens_ = call.tokens;
  request_id_ = call.request_id;
  status_ = call.status;
}

size_t RequestSpans::CountSpans() const {
  return 1 + (preprocess_end_ >= preprocess_start_ ? 1 : 0) + kSpansOfBatch * stages_.size();
}

void RequestSpans::AppendSpans(std::vector<Span>& spans) const {
  spans.push_back(CallSpan());
  if (preprocess_end_ >= preprocess_start_) {
    spans.push_back(StageSpan("preprocess", context_.span, preprocess_start_, preprocess_end_));
  }
  for (const Stages& stages : stages_) AppendStages(stages, spans);
}

Span RequestSpans::CallSpan() const {
  Span span;
  span.context = context_;
  span.parent = parent_;
  span.remote_parent = parent_.valid();
  span.trace_state = trace_state_;
  span.name = method_;
  span.kind = Span::Kind::kServer;
  span.start = start_;
  span.end = end_;
  const size_t slash = method_.find('/');
  span.attributes = {{"rpc.system", "grpc"},
                     {"rpc.service", method_.substr(0, slash)},
                     {"rpc.method", slash == std::string::npos ? std::string() : method_.substr(slash + 1)},
                     {"rpc.grpc.status_code", int64_t{static_cast<int>(status_.code())}},
                     {"vitok.request_id", request_id_},
                     {"vitok.images", images_},
                     {"vitok.tokens", tokens_}};
  if (!model_.name.empty()) {
    span.attributes.emplace_back("vitok.model", model_.name);
    span.attributes.emplace_back("vitok.model_version", model_.version);
  }
  if (failed_items_ > 0) span.attributes.emplace_back("vitok.failed_images", failed_items_);
  span.error = IsServerError(status_.code());
  if (span.error) span.error_message = std::string(status_.message().substr(0, kMaxMessageBytes));
  return span;
}

Span RequestSpans::StageSpan(std::string_view name, SpanId parent, absl::Time start, absl::Time end) const {
  Span span;
  span.context = {context_.trace, NewSpanId()};
  span.parent = parent;
  span.trace_state = trace_state_;
  span.name = name;
  span.start = start;
  span.end = std::max(start, end);
  return span;
}

void RequestSpans::AppendStages(const Stages& stages, std::vector<Span>& spans) const {
  const RequestTimings& timings = stages.timings;
  const absl::Time batch_start = stages.queued + timings.queue;
  spans.push_back(StageSpan("queue", context_.span, stages.queued, batch_start));

  Span batch = StageSpan("batch", context_.span, batch_start, stages.computed);
  batch.links = {stages.batch};
  batch.attributes = {{"vitok.images", stages.items}, {"vitok.tokens", stages.tokens}};
  const SpanId batch_id = batch.context.span;
  spans.push_back(std::move(batch));

  const absl::Time on_device = batch_start + timings.host_to_device;
  const absl::Time computed = on_device + timings.compute;
  spans.push_back(StageSpan("host_to_device", batch_id, batch_start, on_device));
  spans.push_back(StageSpan("compute", batch_id, on_device, computed));
  spans.push_back(StageSpan("device_to_host", batch_id, computed, computed + timings.device_to_host));

  spans.push_back(StageSpan("postprocess", context_.span, stages.computed, stages.done));
}

}  // namespace vitok
