// The span of one batch, in a trace of its own. Free of torch.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "server/server_metrics.h"
#include "server/tracing/span.h"

namespace vitok {

// It links to the requests in the batch, as they link to it: a batch is part of no single request.
class BatchSpan : public SpanSource {
 public:
  explicit BatchSpan(SpanContext context);

  const SpanContext& context() const { return span_.context; }

  // A request with items in the batch; once for all of its items that follow each other.
  void AddRequest(const SpanContext& request);
  void End(const ServerMetrics::BatchRecord& batch, absl::Time end);

  size_t CountSpans() const override { return 1; }
  void AppendSpans(std::vector<Span>& spans) const override { spans.push_back(span_); }

  // Of further requests, only the way from the request to the batch is known.
  static constexpr size_t kMaxRequests = 128;

 private:
  Span span_;
};

}  // namespace vitok
