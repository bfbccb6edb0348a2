// Distributed tracing: which calls are traced, and what is kept of them until it is sent. Free of torch.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/support/string_ref.h"
#include "server/server_metrics.h"
#include "server/tracing/batch_span.h"
#include "server/tracing/request_spans.h"
#include "server/tracing/span_exporter.h"
#include "server/tracing/tracing_options.h"

namespace vitok {

// One call. Of a call that is not traced, all methods do nothing. For one thread at a time.
class RequestTrace {
 public:
  RequestTrace() = default;  // not traced

  // Of the call's span; invalid if it is not traced.
  SpanContext context() const { return spans_ ? spans_->context() : SpanContext(); }
  // For the log: 32 lower-case digits; empty if it is not traced.
  std::string trace_id() const { return spans_ ? spans_->context().trace.ToHex() : std::string(); }

  // An item that has ended. Any order.
  void AddItem(const TracedItem& item) {
    if (spans_) spans_->AddItem(item);
  }

  // The call has ended, now. Nothing can be added any more.
  void End(const TracedCall& call) {
    if (spans_) Export(call);
  }

 private:
  friend class Tracer;
  RequestTrace(SpanExporter* exporter, std::unique_ptr<RequestSpans> spans)
      : exporter_(exporter), spans_(std::move(spans)) {}

  void Export(const TracedCall& call);

  SpanExporter* exporter_ = nullptr;
  std::unique_ptr<RequestSpans> spans_;  // null: not traced
};

// One batch; traced once a traced request is in it. For one thread at a time.
class BatchTrace {
 public:
  BatchTrace() = default;  // not traced

  // A request with items in the batch, or the invalid context of one that is not traced.
  void AddRequest(const SpanContext& request) {
    if (exporter_ != nullptr && request.valid()) Add(request);
  }

  // Of the batch's span; invalid if it is not traced.
  SpanContext context() const { return span_ ? span_->context() : SpanContext(); }

  // The batch has ended, now. Nothing can be added any more.
  void End(const ServerMetrics::BatchRecord& batch) {
    if (span_) Export(batch);
  }

 private:
  friend class Tracer;
  explicit BatchTrace(SpanExporter* exporter) : exporter_(exporter) {}

  void Add(const SpanContext& request);
  void Export(const ServerMetrics::BatchRecord& batch);

  SpanExporter* exporter_ = nullptr;
  std::unique_ptr<BatchSpan> span_;  // null: not traced
};

// A call is traced if its caller's trace context (the headers traceparent and tracestate) says that the trace is
// sampled; without a context, with probability sample_ratio.
//
//   RequestTrace trace = tracer.StartRequest(rpc->client_metadata(), "vitok.v1.Tokenizer/Encode", arrival);
//   ... each task carries trace.context() to the device worker, which does:
//   BatchTrace batch_trace = tracer.StartBatch();
//   for (task : tasks) batch_trace.AddRequest(task.trace);
//   ... run the batch; each task gets batch_trace.context() ...
//   batch_trace.End(batch_record);
//   ... and back in the call:
//   for (item : items) trace.AddItem({.start = arrival, ..., .batch = item.batch_trace});
//   trace.End({.model = &model->key, ..., .status = status});
//
// No call waits for the collector (SpanExporter). A call that is not traced costs a look at its headers and at most one
// random number. Must outlive its traces. Thread-safe.
class Tracer {
 public:
  using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;  // of a call, as gRPC has it

  // Without an endpoint nothing is traced. INVALID_ARGUMENT: the endpoint.
  static absl::StatusOr<std::unique_ptr<Tracer>> Create(const TracingOptions& options, std::string_view service_version,
                                                        SpanCounters counters);

  // With an exporter of one's own; null: nothing is traced.
  Tracer(double sample_ratio, std::unique_ptr<SpanExporter> exporter)
      : sample_ratio_(sample_ratio), exporter_(std::move(exporter)) {}

  // `method` is "package.Service/Method".
  RequestTrace StartRequest(const Metadata& metadata, std::string_view method, absl::Time arrival);

  BatchTrace StartBatch() { return BatchTrace(exporter_.get()); }

 private:
  const double sample_ratio_;
  const std::unique_ptr<SpanExporter> exporter_;  // null: nothing is traced
};

}  // namespace vitok
