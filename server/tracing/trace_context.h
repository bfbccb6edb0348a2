// The place of a request in a trace that spans several programs, as W3C Trace Context carries it
// (https://www.w3.org/TR/trace-context/). Free of torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vitok {

// All zero: none.
struct TraceId {
  uint64_t high = 0;
  uint64_t low = 0;

  bool valid() const { return high != 0 || low != 0; }
  std::string ToHex() const;  // 32 lower-case digits

  friend bool operator==(const TraceId&, const TraceId&) = default;
};

// Zero: none.
struct SpanId {
  uint64_t value = 0;

  bool valid() const { return value != 0; }
  std::string ToHex() const;  // 16 lower-case digits

  friend bool operator==(const SpanId&, const SpanId&) = default;
};

// Names a span wherever it is; the default names none.
struct SpanContext {
  TraceId trace;
  SpanId span;

  bool valid() const { return trace.valid() && span.valid(); }

  friend bool operator==(const SpanContext&, const SpanContext&) = default;
};

// What a caller says of its own span.
struct ParentContext {
  SpanContext span;      // valid
  bool sampled = false;  // the caller records its span, and asks that others do
};

// The header traceparent. nullopt: malformed, to be treated as if it were absent. Of versions that are not yet known,
// the fields that version 00 has are read.
std::optional<ParentContext> ParseTraceparent(std::string_view text);

// Longest list of vendors' states that is passed on; the specification asks for no more.
inline constexpr size_t kMaxTracestateBytes = 512;

// True if the header tracestate, several of them joined by commas, may be passed on: at most 32 members and
// kMaxTracestateBytes, well-formed, no key twice. An empty list may not: there is nothing to pass on.
bool IsTracestate(std::string_view text);

}  // namespace vitok
