// The section tracing of the server's configuration.
#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "server/tracing/tracing_options.h"
#include "vitok/config/server_config.pb.h"

namespace vitok {

// INVALID_ARGUMENT names field, value and bound. Whether a collector listens there is not looked at.
absl::Status ReadTracing(const config::Tracing& proto, TracingOptions& tracing);

// The section with all its fields.
nlohmann::ordered_json TracingToJson(const TracingOptions& tracing);

}  // namespace vitok
