#include "server/tracing/otlp_client.h"

#include <httplib.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/tracing/otlp_json.h"

namespace vitok {
namespace {

constexpr size_t kMaxReplyBytes = 65536;
constexpr absl::Duration kMaxConnectTime = absl::Seconds(1);  // collectors are near
constexpr int64_t kMaxRetryAfterSeconds = 60;

absl::Status BadEndpoint(std::string_view endpoint, std::string_view problem) {
  return absl::InvalidArgumentError(
      StrCat("must be http://host:port of a collector (OTLP over HTTP, near: no https, no path)", problem, "; was '",
             endpoint, "'"));
}

// RFC 9110: also a date, which is not read.
absl::Duration RetryAfter(const httplib::Response& response) {
  int64_t seconds = 0;
  if (!absl::SimpleAtoi(response.get_header_value("Retry-After"), &seconds)) return absl::ZeroDuration();
  return absl::Seconds(std::clamp<int64_t>(seconds, 0, kMaxRetryAfterSeconds));
}

OtlpOutcome::Kind KindOf(int status) {
  if (status >= 200 && status < 300) return OtlpOutcome::Kind::kTaken;
  const bool passing = status == 429 || status == 502 || status == 503 || status == 504;
  return passing ? OtlpOutcome::Kind::kRetry : OtlpOutcome::Kind::kRefused;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseCollector(std::string_view endpoint) {
  constexpr std::string_view kScheme = "http://";
  if (endpoint.substr(0, kScheme.size()) != kScheme) return BadEndpoint(endpoint, "");
  std::string_view address = endpoint.substr(kScheme.size());
  if (!address.empty() && address.back() == '/') address.remove_suffix(1);
  if (address.find('/') != std::string_view::npos) return BadEndpoint(endpoint, "");
  absl::StatusOr<ListenAddress> parsed = ParseListenAddress(address);
  if (!parsed.ok()) return BadEndpoint(endpoint, StrCat(" (", std::string(parsed.status().message()), ")"));
  if (parsed->is_unix || parsed->port == 0) return BadEndpoint(endpoint, "");
  return parsed;
}

OtlpClient::OtlpClient(const ListenAddress& collector)
    : client_(std::make_unique<httplib::Client>(collector.host, collector.port)) {
  client_->set_keep_alive(true);
  client_->set_tcp_nodelay(true);
  client_->set_decompress(false);
}

OtlpClient::~OtlpClient() = default;

OtlpOutcome OtlpClient::Post(const std::string& json, absl::Duration timeout) {
  timeout = std::max(timeout, absl::Milliseconds(1));  // zero would mean none
  client_->set_connection_timeout(absl::ToChronoMicroseconds(std::min(timeout, kMaxConnectTime)));
  client_->set_read_timeout(absl::ToChronoMicroseconds(timeout));
  client_->set_write_timeout(absl::ToChronoMicroseconds(timeout));

  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/traces";
  request.headers = {{"Content-Type", "application/json"}, {"Accept-Encoding", "identity"}};
  request.body = json;
  std::string reply;
  const absl::Time end = absl::Now() + timeout;
  request.content_receiver = [&reply, end](const char* data, size_t size, uint64_t, uint64_t) {
    reply.append(data, std::min(size, kMaxReplyBytes - reply.size()));
    return absl::Now() < end;  // or it could go on for ever, a little at a time
  };
  httplib::Response response;
  httplib::Error error = httplib::Error::Success;
  OtlpOutcome outcome;
  if (!client_->send(request, response, error)) {
    outcome.kind = OtlpOutcome::Kind::kRetry;
    outcome.problem = StrCat("no answer (", httplib::to_string(error), ")");
    return outcome;
  }
  outcome.kind = KindOf(response.status);
  if (outcome.kind == OtlpOutcome::Kind::kTaken) {
    outcome.rejected_spans = ParseRejectedSpans(reply);
  } else {
    outcome.problem = StrCat("HTTP status ", response.status);
    outcome.retry_after = RetryAfter(response);
  }
  return outcome;
}

void OtlpClient::Stop() { client_->stop(); }

}  // namespace vitok
