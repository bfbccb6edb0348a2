#include "server/tracing/otlp_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

using Json = nlohmann::json;

// Span.flags: the trace flags of W3C (all that is exported is sampled), and whether the parent is remote.
constexpr uint32_t kSampled = 0x1;
constexpr uint32_t kKnowsRemote = 0x100;
constexpr uint32_t kRemote = 0x200;
constexpr int kStatusError = 2;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// Appends JSON to a text: a tree of values in between costs eight times as much.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  // Punctuation, and names with it.
  void Raw(std::string_view json) { out_ += json; }

  void String(std::string_view text) {
    const bool plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
    if (plain) {
      absl::StrAppend(&out_, "\"", ToAbsl(text), "\"");
    } else {
      out_ += Dump(text);
    }
  }

  // 64-bit integers are strings in protobuf's JSON.
  void Integer64(int64_t value) { absl::StrAppend(&out_, "\"", value, "\""); }
  void Time(absl::Time time) { Integer64(std::max<int64_t>(0, absl::ToUnixNanos(time))); }
  void Number(int64_t value) { absl::StrAppend(&out_, value); }

  void Context(const SpanContext& context) {
    Raw(R"("traceId":)"), String(context.trace.ToHex());
    Raw(R"(,"spanId":)"), String(context.span.ToHex());
  }

  void Attribute(std::string_view name, const Span::Value& value) {
    Raw(R"({"key":)"), String(name), Raw(R"(,"value":{)");
    if (const auto* integer = std::get_if<int64_t>(&value)) {
      Raw(R"("intValue":)"), Integer64(*integer);
    } else if (const auto* number = std::get_if<double>(&value)) {
      Raw(R"("doubleValue":)"), Raw(Dump(*number));
    } else {
      Raw(R"("stringValue":)"), String(std::get<std::string>(value));
    }
    Raw("}}");
  }

  void Link(const SpanContext& link) {
    Raw("{"), Context(link);
    Raw(R"(,"flags":)"), Number(kSampled | kKnowsRemote), Raw("}");
  }

  // Items between commas.
  template <typename Items, typename Write>
  void List(const Items& items, Write write) {
    bool first = true;
    Raw("[");
    for (const auto& item : items) {
      if (!std::exchange(first, false)) Raw(",");
      write(item);
    }
    Raw("]");
  }

  void Write(const Span& span) {
    Raw("{"), Context(span.context);
    if (span.parent.valid()) Raw(R"(,"parentSpanId":)"), String(span.parent.ToHex());
    if (!span.trace_state.empty()) Raw(R"(,"traceState":)"), String(span.trace_state);
    Raw(R"(,"flags":)"), Number(kSampled | kKnowsRemote | (span.remote_parent ? kRemote : 0));
    Raw(R"(,"name":)"), String(span.name);
    Raw(R"(,"kind":)"), Number(static_cast<int>(span.kind));
    Raw(R"(,"startTimeUnixNano":)"), Time(span.start);
    Raw(R"(,"endTimeUnixNano":)"), Time(span.end);
    Raw(R"(,"attributes":)");
    List(span.attributes, [this](const auto& attribute) { Attribute(attribute.first, attribute.second); });
    if (!span.links.empty()) {
      Raw(R"(,"links":)");
      List(span.links, [this](const SpanContext& link) { Link(link); });
    }
    if (span.error) {
      Raw(R"(,"status":{"code":)"), Number(kStatusError);
      Raw(R"(,"message":)"), String(span.error_message), Raw("}");
    }
    Raw("}");
  }

 private:
  std::string& out_;
};

}  // namespace

std::string ToOtlpJson(const TraceResource& resource, absl::Span<const Span> spans) {
  const std::pair<std::string_view, Span::Value> attributes[] = {{"service.name", "vitok-server"},
                                                                 {"service.version", resource.service_version},
                                                                 {"service.instance.id", resource.instance_id},
                                                                 {"host.name", resource.host_name}};
  constexpr size_t kBytesOfSpan = 512;
  std::string json;
  json.reserve((spans.size() + 1) * kBytesOfSpan);
  Writer out(json);
  out.Raw(R"({"resourceSpans":[{"resource":{"attributes":)");
  out.List(attributes, [&out](const auto& attribute) { out.Attribute(attribute.first, attribute.second); });
  out.Raw(R"(},"scopeSpans":[{"scope":{"name":"vitok","version":)");
  out.String(resource.service_version);
  out.Raw(R"(},"spans":)");
  out.List(spans, [&out](const Span& span) { out.Write(span); });
  out.Raw("}]}]}");
  return json;
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
