#include "server/tracing_config.h"

#include <string>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/config_check.h"
#include "server/tracing/otlp_client.h"

namespace vitok {

absl::Status ReadTracing(const config::Tracing& proto, TracingOptions& tracing) {
  // One call can have some hundred spans, which must fit all at once.
  constexpr int64_t kMinQueueSpans = 512;
  constexpr int64_t kMaxQueueSpans = int64_t{1} << 20;
  tracing.endpoint = proto.endpoint();
  if (!tracing.endpoint.empty()) {
    if (const absl::Status status = ParseCollector(tracing.endpoint).status(); !status.ok()) {
      return absl::InvalidArgumentError(StrCat("tracing.endpoint ", std::string(status.message())));
    }
  }
  if (proto.has_sample_ratio()) tracing.sample_ratio = proto.sample_ratio();
  VITOK_RETURN_IF_ERROR(CheckNumber("tracing.sample_ratio", tracing.sample_ratio, 0, 1));
  if (proto.has_queue_spans()) tracing.queue_spans = proto.queue_spans();
  VITOK_RETURN_IF_ERROR(CheckRange("tracing.queue_spans", tracing.queue_spans, kMinQueueSpans, kMaxQueueSpans));
  if (!proto.has_timeout_s()) return absl::OkStatus();
  tracing.timeout = absl::Seconds(proto.timeout_s());
  return CheckNumber("tracing.timeout_s", proto.timeout_s(), 0.001, 3600);
}

nlohmann::ordered_json TracingToJson(const TracingOptions& tracing) {
  return {{"endpoint", tracing.endpoint},
          {"sample_ratio", tracing.sample_ratio},
          {"queue_spans", tracing.queue_spans},
          {"timeout_s", absl::ToDoubleSeconds(tracing.timeout)}};
}

}  // namespace vitok
