#include "server/tracing/tracer.h"

#include <unistd.h>

#include <optional>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "server/tracing/random_ids.h"

namespace vitok {
namespace {

std::string_view ToView(const grpc::string_ref& text) { return {text.data(), text.size()}; }

// The caller's context; none if the header is absent, malformed, or there several times.
std::optional<ParentContext> ReadParent(const Tracer::Metadata& metadata) {
  const auto [first, last] = metadata.equal_range("traceparent");
  if (first == last || std::next(first) != last) return std::nullopt;
  return ParseTraceparent(ToView(first->second));
}

// Several headers are one list. Empty: none, or one that may not be passed on.
std::string ReadTracestate(const Tracer::Metadata& metadata) {
  std::string list;
  const auto [first, last] = metadata.equal_range("tracestate");
  for (auto header = first; header != last; ++header) {
    if (header->second.size() > kMaxTracestateBytes || list.size() > kMaxTracestateBytes) return std::string();
    if (header != first) list += ',';
    list += ToView(header->second);
  }
  return IsTracestate(list) ? list : std::string();
}

std::string HostName() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "unknown";
}

}  // namespace

void RequestTrace::Export(const TracedCall& call) {
  spans_->End(call, absl::Now());
  exporter_->Export(std::move(spans_));
}

void BatchTrace::Add(const SpanContext& request) {
  if (!span_) span_ = std::make_unique<BatchSpan>(SpanContext{NewTraceId(), NewSpanId()});
  span_->AddRequest(request);
}

void BatchTrace::Export(const ServerMetrics::BatchRecord& batch) {
  span_->End(batch, absl::Now());
  exporter_->Export(std::move(span_));
}

absl::StatusOr<std::unique_ptr<Tracer>> Tracer::Create(const TracingOptions& options, std::string_view service_version,
                                                       SpanCounters counters) {
  std::unique_ptr<SpanExporter> exporter;
  if (!options.endpoint.empty()) {
    TraceResource resource = {
        .service_version = std::string(service_version), .instance_id = NewTraceId().ToHex(), .host_name = HostName()};
    VITOK_ASSIGN_OR_RETURN(exporter, SpanExporter::Create({.endpoint = options.endpoint,
                                                           .queue_spans = static_cast<size_t>(options.queue_spans),
                                                           .timeout = options.timeout},
                                                          std::move(resource), std::move(counters)));
  }
  return std::make_unique<Tracer>(options.sample_ratio, std::move(exporter));
}

RequestTrace Tracer::StartRequest(const Metadata& metadata, std::string_view method, absl::Time arrival) {
  if (exporter_ == nullptr) return RequestTrace();
  const std::optional<ParentContext> parent = ReadParent(metadata);
  if (parent ? !parent->sampled : !Chance(sample_ratio_)) return RequestTrace();
  const SpanContext context = {parent ? parent->span.trace : NewTraceId(), NewSpanId()};
  return RequestTrace(exporter_.get(), std::make_unique<RequestSpans>(context, parent ? parent->span.span : SpanId(),
                                                                      parent ? ReadTracestate(metadata) : std::string(),
                                                                      method, arrival));
}

}  // namespace vitok
