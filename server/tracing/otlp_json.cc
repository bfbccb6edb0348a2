#include "server/tracing/otlp_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"

namespace vitok {
namespace {

using Json = nlohmann::json;

// Span.flags: the trace flags of W3C (all that is exported is sampled), and whether the parent is remote.
constexpr uint32_t kSampled = 0x1;
constexpr uint32_t kKnowsRemote = 0x100;
constexpr uint32_t kRemote = 0x200;
constexpr int kStatusError = 2;

// 64-bit integers are strings in protobuf's JSON.
std::string Nanos(absl::Time time) { return std::to_string(std::max<int64_t>(0, absl::ToUnixNanos(time))); }

Json ToJson(const Span::Value& value) {
  if (const auto* integer = std::get_if<int64_t>(&value)) return {{"intValue", std::to_string(*integer)}};
  if (const auto* number = std::get_if<double>(&value)) return {{"doubleValue", *number}};
  return {{"stringValue", std::get<std::string>(value)}};
}

Json Attribute(std::string_view name, const Span::Value& value) { return {{"key", name}, {"value", ToJson(value)}}; }

Json ToJson(const Span& span) {
  Json json = {{"traceId", span.context.trace.ToHex()},
               {"spanId", span.context.span.ToHex()},
               {"name", span.name},
               {"kind", static_cast<int>(span.kind)},
               {"startTimeUnixNano", Nanos(span.start)},
               {"endTimeUnixNano", Nanos(span.end)},
               {"flags", kSampled | kKnowsRemote | (span.remote_parent ? kRemote : 0)}};
  if (span.parent.valid()) json["parentSpanId"] = span.parent.ToHex();
  if (!span.trace_state.empty()) json["traceState"] = span.trace_state;
  Json& attributes = json["attributes"] = Json::array();
  for (const auto& [name, value] : span.attributes) attributes.push_back(Attribute(name, value));
  for (const SpanContext& link : span.links) {
    json["links"].push_back(
        {{"traceId", link.trace.ToHex()}, {"spanId", link.span.ToHex()}, {"flags", kSampled | kKnowsRemote}});
  }
  if (span.error) json["status"] = {{"code", kStatusError}, {"message", span.error_message}};
  return json;
}

}  // namespace

std::string ToOtlpJson(const TraceResource& resource, absl::Span<const Span> spans) {
  Json list = Json::array();
  for (const Span& span : spans) list.push_back(ToJson(span));
  const Json about = {
      {"attributes",
       {Attribute("service.name", "vitok-server"), Attribute("service.version", resource.service_version),
        Attribute("service.instance.id", resource.instance_id), Attribute("host.name", resource.host_name)}}};
  Json scope = {{"scope", {{"name", "vitok"}, {"version", resource.service_version}}}, {"spans", std::move(list)}};
  Json resource_spans = {{"resource", about}, {"scopeSpans", Json::array({std::move(scope)})}};
  const Json request = {{"resourceSpans", Json::array({std::move(resource_spans)})}};
  return request.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

int64_t ParseRejectedSpans(std::string_view response) {
  const Json json = Json::parse(response, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return 0;
  const auto partial = json.find("partialSuccess");
  if (partial == json.end() || !partial->is_object()) return 0;
  const auto rejected = partial->find("rejectedSpans");
  if (rejected == partial->end()) return 0;
  int64_t spans = 0;
  if (rejected->is_number_integer()) spans = rejected->get<int64_t>();
  if (rejected->is_string() && !absl::SimpleAtoi(rejected->get_ref<const std::string&>(), &spans)) return 0;
  return std::max<int64_t>(0, spans);
}

}  // namespace vitok
