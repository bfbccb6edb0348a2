#include "server/tracing/batch_span.h"

#include <string>

namespace vitok {

BatchSpan::BatchSpan(SpanContext context) {
  span_.context = context;
  span_.name = "batch";
}

void BatchSpan::AddRequest(const SpanContext& request) {
  if (!span_.links.empty() && span_.links.back() == request) return;
  if (span_.links.size() < kMaxRequests) span_.links.push_back(request);
}

void BatchSpan::End(const ServerMetrics::BatchRecord& batch, absl::Time end) {
  span_.start = end - batch.duration;
  span_.end = end;
  span_.attributes = {{"vitok.model", batch.model.name},
                      {"vitok.model_version", batch.model.version},
                      {"vitok.device", std::string(batch.device)},
                      {"vitok.images", batch.images},
                      {"vitok.tokens", batch.tokens},
                      {"vitok.batch.fill", batch.fill},
                      {"vitok.batch.close_reason", std::string(CloseReasonName(batch.reason))}};
}

}  // namespace vitok
