// The headers of a trace (server/tracing/trace_context.h): traceparent, and tracestate behind a zero byte. Promises:
// ids are valid and, printed, parse to the same; a traceparent of version 00 is the only spelling of what it says; a
// list that is passed on fits, and is still accepted when another header without members follows it.
#include "core/base/str_cat.h"
#include "server/tracing/trace_context.h"
#include "tests/fuzz/fuzz_target.h"

namespace vitok {
namespace {

void RunTraceparent(std::string_view text) {
  const std::optional<ParentContext> parent = ParseTraceparent(text);
  if (!parent) return;
  Require(parent->span.valid(), "ids are not zero");
  const std::string ids = StrCat("00-", parent->span.trace.ToHex(), "-", parent->span.span.ToHex(), "-");
  const std::optional<ParentContext> again = ParseTraceparent(StrCat(ids, parent->sampled ? "01" : "00"));
  Require(again.has_value() && again->span == parent->span && again->sampled == parent->sampled,
          "what is printed means the same");
  if (text.substr(0, 2) != "00") return;
  Require(text.size() == ids.size() + 2 && text.substr(0, ids.size()) == ids, "ids have one spelling");
}

void RunTracestate(std::string_view text) {
  if (!IsTracestate(text)) return;
  Require(text.size() <= kMaxTracestateBytes, "what is passed on is short");
  Require(text.find('=') != std::string_view::npos, "what is passed on has a member");
  for (const char c : text) Require(c == '\t' || (c >= 0x20 && c <= 0x7e), "what is passed on is printable ASCII");
  if (text.size() < kMaxTracestateBytes) Require(IsTracestate(StrCat(text, ",")), "empty members do not count");
}

void Run(std::string_view input) {
  const size_t zero = input.find('\0');
  RunTraceparent(input.substr(0, zero));
  if (zero != std::string_view::npos) RunTracestate(input.substr(zero + 1));
}

std::vector<std::string> Seeds() {
  using std::string_literals::operator""s;
  const std::string parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  return {parent, parent + "\0rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"s,
          "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-future"s, parent + "\0 9t@sys=a b ,\t,k_-*/=~"s,
          "\0a=1,b=2,c=3"s};
}

const bool registered = RegisterFuzzTarget({.name = "trace_context", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
