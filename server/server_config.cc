#include "server/server_config.h"

#include <cmath>
#include <limits>
#include <set>
#include <type_traits>

#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/yaml_config.h"
#include "core/image/transforms.h"
#include "google/protobuf/util/json_util.h"
#include "server/config_check.h"
#include "server/listen_address.h"
#include "server/model_config.h"
#include "server/security_config.h"
#include "server/tracing_config.h"
#include "vitok/config/server_config.pb.h"

namespace vitok {
namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxMessageBytes = int64_t{1} << 30;  // protobuf ends at 2 GiB

absl::Status CheckAddress(std::string_view field, const std::string& text, bool unix_allowed) {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  if (!address.ok()) {
    return absl::InvalidArgumentError(StrCat(field, ": ", std::string(address.status().message())));
  }
  if (address->is_unix && !unix_allowed) return BadValue(field, "host:port", StrCat("'", text, "'"));
  return absl::OkStatus();
}

absl::StatusOr<config::ServerConfig> ToProto(const nlohmann::json& json) {
  config::ServerConfig proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), &proto);
  if (!status.ok()) return absl::InvalidArgumentError(std::string(status.message()));
  return proto;
}

absl::Status ReadListen(const config::Listen& proto, ServerOptions& options) {
  if (proto.has_listen()) options.listen = proto.listen();
  if (proto.has_http_listen()) options.http_listen = proto.http_listen();
  if (proto.has_reflection()) options.reflection = proto.reflection();
  if (proto.has_shutdown_grace_s()) {
    VITOK_RETURN_IF_ERROR(CheckNumber("server.shutdown_grace_s", proto.shutdown_grace_s(), 0, 3600));
    options.shutdown_grace = absl::Seconds(proto.shutdown_grace_s());
  }
  if (proto.has_drain_delay_s()) {
    VITOK_RETURN_IF_ERROR(CheckNumber("server.drain_delay_s", proto.drain_delay_s(), 0, 3600));
    options.drain_delay = absl::Seconds(proto.drain_delay_s());
  }
  VITOK_RETURN_IF_ERROR(CheckAddress("server.listen", options.listen, /*unix_allowed=*/true));
  if (options.http_listen.empty()) return absl::OkStatus();
  return CheckAddress("server.http_listen", options.http_listen, /*unix_allowed=*/false);
}

absl::Status ReadAdmin(const config::Admin& proto, ServerOptions& options) {
  options.admin_listen = proto.listen();
  if (options.admin_listen.empty()) return absl::OkStatus();
  VITOK_RETURN_IF_ERROR(CheckAddress("admin.listen", options.admin_listen, /*unix_allowed=*/true));
  // Port 0 is a free one each time it is asked for.
  if (options.admin_listen == options.listen && !options.listen.ends_with(":0")) {
    return BadValue("admin.listen", "another address than server.listen", StrCat("'", options.admin_listen, "'"));
  }
  VITOK_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(options.admin_listen));
  // A certificate says who calls, not that they may change what the server does.
  const bool asks_for_certificates = !options.tls.client_ca_file.empty() && !address.is_unix;
  if (!options.auth.tokens_file.empty() || (IsLocal(address) && !asks_for_certificates)) return absl::OkStatus();
  return BadValue("admin.listen",
                  asks_for_certificates
                      ? "empty or a unix socket, unless auth.tokens_file says which certificates have "
                        "the role admin (tls.client_ca_file alone lets every client in)"
                      : "empty or an address of this machine only, unless auth.tokens_file says who "
                        "has the role admin",
                  StrCat("'", options.admin_listen, "'"));
}

absl::Status ReadLimits(const config::Limits& proto, RequestLimits& limits) {
  if (proto.has_max_message_bytes()) limits.max_message_bytes = proto.max_message_bytes();
  if (proto.has_max_images_per_request()) limits.max_images_per_request = proto.max_images_per_request();
  if (proto.has_max_image_tokens()) limits.max_image_tokens = proto.max_image_tokens();
  if (proto.has_max_image_pixels()) limits.max_image_pixels = proto.max_image_pixels();
  VITOK_RETURN_IF_ERROR(CheckRange("limits.max_message_bytes", limits.max_message_bytes, 1024, kMaxMessageBytes));
  VITOK_RETURN_IF_ERROR(CheckRange("limits.max_images_per_request", limits.max_images_per_request, 1, 65536));
  if (proto.has_max_stream_requests()) limits.max_stream_requests = proto.max_stream_requests();
  VITOK_RETURN_IF_ERROR(CheckRange("limits.max_stream_requests", limits.max_stream_requests, 1, 65536));
  VITOK_RETURN_IF_ERROR(CheckRange("limits.max_image_tokens", limits.max_image_tokens, 1, kMaxTokens));
  return CheckRange("limits.max_image_pixels", limits.max_image_pixels, 1, kMaxInt);
}

absl::Status ReadBatching(const config::Batching& proto, const RequestLimits& limits, BatchingOptions& batching) {
  if (proto.has_max_batch_tokens()) batching.max_batch_tokens = proto.max_batch_tokens();
  if (proto.has_max_queued_requests()) batching.max_queued_requests = proto.max_queued_requests();
  if (proto.has_max_queued_tokens()) batching.max_queued_tokens = proto.max_queued_tokens();
  if (proto.has_max_queued_bytes()) batching.max_queued_bytes = proto.max_queued_bytes();
  if (proto.has_max_batch_square_tokens()) batching.max_batch_square_tokens = proto.max_batch_square_tokens();
  if (proto.has_max_batch_bytes()) batching.max_batch_bytes = proto.max_batch_bytes();
  VITOK_RETURN_IF_ERROR(CheckRange("batching.max_batch_tokens", batching.max_batch_tokens, 1, kMaxInt));
  // A queue that a single legal request or image overfills would refuse it for ever.
  VITOK_RETURN_IF_ERROR(CheckRange("batching.max_queued_requests (at least limits.max_images_per_request)",
                                   batching.max_queued_requests, limits.max_images_per_request, kMaxInt));
  VITOK_RETURN_IF_ERROR(CheckRange("batching.max_queued_tokens (at least limits.max_image_tokens)",
                                   batching.max_queued_tokens, limits.max_image_tokens, kMaxInt64));
  VITOK_RETURN_IF_ERROR(CheckRange("batching.max_queued_bytes", batching.max_queued_bytes, 1 << 20, kMaxInt64));
  VITOK_RETURN_IF_ERROR(CheckRange("batching.max_batch_square_tokens", batching.max_batch_square_tokens, 0, kMaxInt64));
  VITOK_RETURN_IF_ERROR(CheckRange("batching.max_batch_bytes", batching.max_batch_bytes, 1, kMaxInt64));
  if (proto.has_max_delay_ms()) {
    VITOK_RETURN_IF_ERROR(CheckNumber("batching.max_delay_ms", proto.max_delay_ms(), 0, 10000));
    batching.max_delay = absl::Milliseconds(proto.max_delay_ms());
  }
  if (proto.has_hang_timeout_s()) {
    VITOK_RETURN_IF_ERROR(CheckNumber("batching.hang_timeout_s", proto.hang_timeout_s(), 0.001, 86400));
    batching.hang_timeout = absl::Seconds(proto.hang_timeout_s());
  }
  if (proto.has_warm_up_s()) {
    VITOK_RETURN_IF_ERROR(CheckNumber("batching.warm_up_s", proto.warm_up_s(), 0, 3600));
    batching.warm_up = absl::Seconds(proto.warm_up_s());
  }
  return absl::OkStatus();
}

absl::Status ReadCpu(const config::Cpu& proto, ServerOptions& options) {
  VITOK_RETURN_IF_ERROR(CheckRange("cpu.preprocess_threads", proto.preprocess_threads(), 0, 1024));
  VITOK_RETURN_IF_ERROR(CheckRange("cpu.compute_threads", proto.compute_threads(), 0, 1024));
  options.preprocess_threads = proto.preprocess_threads();
  options.compute_threads = proto.compute_threads();
  return absl::OkStatus();
}

absl::Status ReadLog(const config::Logging& proto, LogOptions& log) {
  if (proto.has_format()) {
    if (proto.format() != "text" && proto.format() != "json") {
      return BadValue("log.format", "'text' or 'json'", StrCat("'", proto.format(), "'"));
    }
    log.format = proto.format() == "json" ? LogOptions::Format::kJson : LogOptions::Format::kText;
  }
  if (proto.has_level()) log.level = proto.level();
  static const std::set<std::string> kLevels = {"trace", "debug", "info", "warn", "error", "off"};
  if (kLevels.count(log.level) > 0) return absl::OkStatus();
  return BadValue("log.level", StrCat("one of ", absl::StrJoin(kLevels, ", ")), StrCat("'", log.level, "'"));
}

absl::Status ReadQuotas(const config::ServerConfig& proto, ServerOptions& options) {
  constexpr double kDefaultBurstSeconds = 10;
  std::set<std::string> identities;
  for (int i = 0; i < proto.quotas_size(); ++i) {
    const config::Quota& quota = proto.quotas(i);
    const std::string field = StrCat("quotas[", i, "]");
    if (quota.identity().empty()) return BadValue(StrCat(field, ".identity"), "a name or \"*\"", "empty");
    if (!identities.insert(quota.identity()).second) {
      return BadValue(StrCat(field, ".identity"), "unique", StrCat("'", quota.identity(), "' again"));
    }
    VITOK_RETURN_IF_ERROR(CheckNumber(StrCat(field, ".tokens_per_second"), quota.tokens_per_second(), 1, 1e12));
    VITOK_RETURN_IF_ERROR(CheckRange(StrCat(field, ".burst_tokens"), quota.burst_tokens(), 0, kMaxInt64));
    const int64_t burst = quota.burst_tokens() > 0
                              ? quota.burst_tokens()
                              : static_cast<int64_t>(kDefaultBurstSeconds * quota.tokens_per_second());
    options.quotas.push_back(
        {quota.identity(), {.tokens_per_second = quota.tokens_per_second(), .burst_tokens = burst}});
  }
  return absl::OkStatus();
}

absl::StatusOr<ServerOptions> ToOptions(const nlohmann::json& json) {
  VITOK_ASSIGN_OR_RETURN(const config::ServerConfig proto, ToProto(json));
  ServerOptions options;
  VITOK_RETURN_IF_ERROR(ReadListen(proto.server(), options));
  VITOK_RETURN_IF_ERROR(ReadLimits(proto.limits(), options.limits));
  VITOK_RETURN_IF_ERROR(ReadSecurity(proto, options));
  VITOK_RETURN_IF_ERROR(ReadBatching(proto.batching(), options.limits, options.batching));
  VITOK_RETURN_IF_ERROR(ReadCpu(proto.cpu(), options));
  VITOK_RETURN_IF_ERROR(ReadLog(proto.log(), options.log));
  VITOK_RETURN_IF_ERROR(ReadTracing(proto.tracing(), options.tracing));
  VITOK_RETURN_IF_ERROR(ReadQuotas(proto, options));
  VITOK_RETURN_IF_ERROR(ReadAdmin(proto.admin(), options));
  VITOK_RETURN_IF_ERROR(CheckRange("memory.limit_bytes", proto.memory().limit_bytes(), 0, kMaxInt64));
  options.memory_limit_bytes = proto.memory().limit_bytes();
  VITOK_RETURN_IF_ERROR(ReadModels(proto, options));
  return options;
}

}  // namespace

absl::StatusOr<ServerOptions> LoadServerConfig(const std::string& path, const std::vector<std::string>& overrides,
                                               const std::vector<std::string>& models) {
  nlohmann::json json = nlohmann::json::object();
  if (!path.empty()) {
    VITOK_ASSIGN_OR_RETURN(json, ReadYamlFile(path));
  }
  for (const std::string& model : models) {
    VITOK_ASSIGN_OR_RETURN(nlohmann::json entry, ModelFromArgument(model));
    nlohmann::json& all = json["models"];
    if (all.is_null()) all = nlohmann::json::array();
    if (all.is_array()) all.push_back(std::move(entry));  // else it is an error below
  }
  for (const std::string& override_text : overrides) VITOK_RETURN_IF_ERROR(ApplyOverride(override_text, json));
  absl::StatusOr<ServerOptions> options = ToOptions(json);
  if (options.ok()) return options;
  const std::string source = path.empty() ? "configuration" : path;
  return absl::Status(options.status().code(), StrCat(source, ": ", std::string(options.status().message())));
}

std::string ServerConfigToYaml(const ServerOptions& options) {
  nlohmann::ordered_json json;
  json["server"] = {{"listen", options.listen},
                    {"http_listen", options.http_listen},
                    {"drain_delay_s", absl::ToDoubleSeconds(options.drain_delay)},
                    {"shutdown_grace_s", absl::ToDoubleSeconds(options.shutdown_grace)},
                    {"reflection", options.reflection}};
  WriteSecurity(options, json);
  json["limits"] = {{"max_message_bytes", options.limits.max_message_bytes},
                    {"max_images_per_request", options.limits.max_images_per_request},
                    {"max_image_tokens", options.limits.max_image_tokens},
                    {"max_image_pixels", options.limits.max_image_pixels},
                    {"max_stream_requests", options.limits.max_stream_requests}};
  json["batching"] = {{"max_batch_tokens", options.batching.max_batch_tokens},
                      {"max_queued_requests", options.batching.max_queued_requests},
                      {"max_queued_tokens", options.batching.max_queued_tokens},
                      {"max_queued_bytes", options.batching.max_queued_bytes},
                      {"max_batch_square_tokens", options.batching.max_batch_square_tokens},
                      {"max_batch_bytes", options.batching.max_batch_bytes},
                      {"max_delay_ms", absl::ToDoubleMilliseconds(options.batching.max_delay)},
                      {"hang_timeout_s", absl::ToDoubleSeconds(options.batching.hang_timeout)},
                      {"warm_up_s", absl::ToDoubleSeconds(options.batching.warm_up)}};
  json["cpu"] = {{"preprocess_threads", options.preprocess_threads}, {"compute_threads", options.compute_threads}};
  json["log"] = {{"format", options.log.format == LogOptions::Format::kJson ? "json" : "text"},
                 {"level", options.log.level}};
  json["tracing"] = TracingToJson(options.tracing);
  json["quotas"] = nlohmann::ordered_json::array();
  for (const QuotaOptions& quota : options.quotas) {
    json["quotas"].push_back({{"identity", quota.identity},
                              {"tokens_per_second", quota.quota.tokens_per_second},
                              {"burst_tokens", quota.quota.burst_tokens}});
  }
  json["admin"] = {{"listen", options.admin_listen}};
  json["memory"] = {{"limit_bytes", options.memory_limit_bytes}};
  WriteModels(options, json);
  return ToYaml(json);
}

}  // namespace vitok
