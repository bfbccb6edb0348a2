// The spans of one call. Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/model_key.h"
#include "server/request_timings.h"
#include "server/tracing/span.h"

namespace vitok {

// An image or latent of a call that has ended.
struct TracedItem {
  absl::Time start;  // of its preprocessing; timings follow from there
  int64_t tokens = 0;
  bool ok = true;
  const RequestTimings& timings;
  SpanContext batch;  // the span of the batch that it was in; none if it did not get that far
};

// A call that has ended.
struct TracedCall {
  const ModelKey* model = nullptr;  // null: it was refused before the model was known
  int64_t images = 0;               // or latents
  int64_t tokens = 0;
  std::string_view request_id;
  const absl::Status& status;
};

// Below the span of the call ("vitok.v1.Tokenizer/Encode"), one after the other: "preprocess", then "queue", "batch"
// (with "host_to_device", "compute" and "device_to_host" below it) and "postprocess" once for each batch that the
// items were in. "batch" links to the span of the batch. Attributes: the OpenTelemetry conventions for RPC, and vitok.*
// (docs/TRACING.md).
class RequestSpans : public SpanSource {
 public:
  // `method` is "package.Service/Method"; `parent` is none if the trace begins here.
  RequestSpans(SpanContext context, SpanId parent, std::string trace_state, std::string_view method, absl::Time start);

  const SpanContext& context() const { return context_; }

  void AddItem(const TracedItem& item);
  void End(const TracedCall& call, absl::Time end);

  size_t CountSpans() const override;
  void AppendSpans(std::vector<Span>& spans) const override;

  // Items beyond so many batches are counted but have no spans of their own.
  static constexpr size_t kMaxBatches = 64;

 private:
  // The items of one batch.
  struct Stages {
    SpanContext batch;
    absl::Time queued;
    RequestTimings timings;  // of its first item
    absl::Time computed;
    absl::Time done;  // its last item
    int64_t items = 0;
    int64_t tokens = 0;
  };

  Span CallSpan() const;
  Span StageSpan(std::string_view name, SpanId parent, absl::Time start, absl::Time end) const;
  void AppendStages(const Stages& stages, std::vector<Span>& spans) const;

  const SpanContext context_;
  const SpanId parent_;
  const std::string trace_state_;
  const std::string method_;
  const absl::Time start_;

  absl::Time preprocess_start_ = absl::InfiniteFuture();
  absl::Time preprocess_end_ = absl::InfinitePast();  // before its start: nothing was preprocessed
  std::vector<Stages> stages_;
  int64_t failed_items_ = 0;

  absl::Time end_;
  ModelKey model_;  // the name is empty: unknown
  int64_t images_ = 0;
  int64_t tokens_ = 0;
  std::string request_id_;
  absl::Status status_;
};

}  // namespace vitok
