#include "server/security_config.h"

#include <limits>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/config_check.h"
#include "server/listen_address.h"

namespace vitok {
namespace {

constexpr double kMaxSeconds = 7 * 86400;  // gRPC counts milliseconds in 32 bits

absl::Status ReadTls(const config::Tls& proto, const std::string& listen, TlsOptions& tls) {
  tls = {.certificate_file = proto.certificate_file(),
         .private_key_file = proto.private_key_file(),
         .client_ca_file = proto.client_ca_file()};
  if (tls.certificate_file.empty() != tls.private_key_file.empty()) {
    return absl::InvalidArgumentError(
        StrCat("tls.certificate_file and tls.private_key_file must be given together; was only ",
               tls.enabled() ? "tls.certificate_file" : "tls.private_key_file"));
  }
  if (!tls.client_ca_file.empty() && !tls.enabled()) {
    return BadValue("tls.client_ca_file", "empty without tls.certificate_file", StrCat("'", tls.client_ca_file, "'"));
  }
  VITOK_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(listen));
  if (!tls.enabled() || !address.is_unix) return absl::OkStatus();
  // Served without it, the file's permissions would be all that stands where a certificate was asked for.
  return absl::InvalidArgumentError(
      StrCat("tls and a unix socket do not go together: clear tls.certificate_file and "
             "tls.private_key_file, or let server.listen be host:port; was '",
             listen, "'"));
}

absl::Status ReadConnections(const config::Connections& proto, const RequestLimits& limits,
                             ConnectionOptions& connections) {
  const auto read_seconds = [](std::string_view field, bool has, double seconds, absl::Duration& option) {
    if (!has) return absl::OkStatus();
    option = absl::Seconds(seconds);
    return CheckNumber(field, seconds, 0, kMaxSeconds);
  };
  VITOK_RETURN_IF_ERROR(
      read_seconds("connections.max_age_s", proto.has_max_age_s(), proto.max_age_s(), connections.max_age));
  VITOK_RETURN_IF_ERROR(read_seconds("connections.max_age_grace_s", proto.has_max_age_grace_s(),
                                     proto.max_age_grace_s(), connections.max_age_grace));
  VITOK_RETURN_IF_ERROR(
      read_seconds("connections.max_idle_s", proto.has_max_idle_s(), proto.max_idle_s(), connections.max_idle));
  if (proto.has_stall_timeout_s()) {
    VITOK_RETURN_IF_ERROR(CheckNumber("connections.stall_timeout_s", proto.stall_timeout_s(), 0.001, kMaxSeconds));
    connections.stall_timeout = absl::Seconds(proto.stall_timeout_s());
  }
  if (proto.has_max_streams()) connections.max_streams = proto.max_streams();
  if (proto.has_max_metadata_bytes()) connections.max_metadata_bytes = proto.max_metadata_bytes();
  if (proto.has_memory_bytes()) connections.memory_bytes = proto.memory_bytes();
  if (proto.has_max_threads()) connections.max_threads = proto.max_threads();
  VITOK_RETURN_IF_ERROR(CheckRange("connections.max_streams", connections.max_streams, 1, 65536));
  // Below the lower bound gRPC's own metadata does not fit.
  VITOK_RETURN_IF_ERROR(
      CheckRange("connections.max_metadata_bytes", connections.max_metadata_bytes, 1024, int64_t{1} << 20));
  // With less, a few legal messages that arrive together would make gRPC break their calls off.
  VITOK_RETURN_IF_ERROR(CheckRange("connections.memory_bytes (at least 4 times limits.max_message_bytes)",
                                   connections.memory_bytes, 4 * limits.max_message_bytes,
                                   std::numeric_limits<int64_t>::max()));
  return CheckRange("connections.max_threads", connections.max_threads, 4, 4096);
}

}  // namespace

absl::Status ReadSecurity(const config::ServerConfig& proto, ServerOptions& options) {
  VITOK_RETURN_IF_ERROR(ReadTls(proto.tls(), options.listen, options.tls));
  options.auth.tokens_file = proto.auth().tokens_file();
  return ReadConnections(proto.connections(), options.limits, options.connections);
}

void WriteSecurity(const ServerOptions& options, nlohmann::ordered_json& json) {
  json["tls"] = {{"certificate_file", options.tls.certificate_file},
                 {"private_key_file", options.tls.private_key_file},
                 {"client_ca_file", options.tls.client_ca_file}};
  json["auth"] = {{"tokens_file", options.auth.tokens_file}};
  const ConnectionOptions& connections = options.connections;
  json["connections"] = {{"max_age_s", absl::ToDoubleSeconds(connections.max_age)},
                         {"max_age_grace_s", absl::ToDoubleSeconds(connections.max_age_grace)},
                         {"max_idle_s", absl::ToDoubleSeconds(connections.max_idle)},
                         {"stall_timeout_s", absl::ToDoubleSeconds(connections.stall_timeout)},
                         {"max_streams", connections.max_streams},
                         {"max_metadata_bytes", connections.max_metadata_bytes},
                         {"memory_bytes", connections.memory_bytes},
                         {"max_threads", connections.max_threads}};
}

}  // namespace vitok
