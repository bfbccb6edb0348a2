// Spans as a trace collector takes them: OTLP 1, JSON (https://opentelemetry.io/docs/specs/otlp/). Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "server/tracing/span.h"

namespace vitok {

// Whose spans they are.
struct TraceResource {
  std::string service_version;
  std::string instance_id;  // of this process, among all that ever were
  std::string host_name;
};

// An ExportTraceServiceRequest. Bytes that are not UTF-8 become U+FFFD.
std::string ToOtlpJson(const TraceResource& resource, absl::Span<const Span> spans);

// How many spans the collector refused, from the ExportTraceServiceResponse that came with its 200; 0 if there is none.
int64_t ParseRejectedSpans(std::string_view response);

}  // namespace vitok
