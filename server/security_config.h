// The sections tls, auth and connections of the server's configuration.
#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "server/server_config.h"
#include "vitok/config/server_config.pb.h"

namespace vitok {

// REQUIRES: options.listen and options.limits are read. INVALID_ARGUMENT names field, value and bound, or the fields
// that do not go together. The files themselves are not looked at.
absl::Status ReadSecurity(const config::ServerConfig& proto, ServerOptions& options);

// Adds the sections with all their fields.
void WriteSecurity(const ServerOptions& options, nlohmann::ordered_json& json);

}  // namespace vitok
