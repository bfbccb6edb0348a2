// A span as it is exported, and what spans come from. Free of torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "server/tracing/trace_context.h"

namespace vitok {

// One piece of work, with the fields of opentelemetry.proto.trace.v1.Span.
struct Span {
  enum class Kind { kInternal = 1, kServer = 2 };  // the values are those of OTLP
  using Value = std::variant<int64_t, double, std::string>;

  SpanContext context;
  SpanId parent;               // none: the root of its trace
  bool remote_parent = false;  // it is a span of another program
  std::string trace_state;     // of the trace, from the caller; empty: none
  std::string name;
  Kind kind = Kind::kInternal;
  absl::Time start;
  absl::Time end;                                              // not before start
  std::vector<std::pair<std::string_view, Value>> attributes;  // names are literals
  std::vector<SpanContext> links;  // to spans, of other traces as well, that had to do with this one
  bool error = false;
  std::string error_message;  // of an error
};

// What is kept of a piece of work until the exporter's thread makes spans of it.
class SpanSource {
 public:
  virtual ~SpanSource() = default;

  // How many AppendSpans appends.
  virtual size_t CountSpans() const = 0;
  virtual void AppendSpans(std::vector<Span>& spans) const = 0;
};

}  // namespace vitok
