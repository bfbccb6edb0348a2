// The sections models, aliases and default_model of the server's configuration.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/server_config.h"
#include "vitok/config/server_config.pb.h"

namespace vitok {

// OK for the name of a model or alias. INVALID_ARGUMENT names `field`, the name and what it may hold.
absl::Status CheckModelName(std::string_view field, std::string_view name);

// The entry of `models` that a model named on the command line stands for: a published name or org/repo, either with
// "@revision", or a path that exists. It is named so without the revision, or like the last part of the path. Errors of
// ParseHubSource.
absl::StatusOr<nlohmann::json> ModelFromArgument(const std::string& text);

// One model; `field` ("models[0]") is put before the names of its fields. INVALID_ARGUMENT names field, value and
// bound. Whether the folder is there and fits is for the loading.
absl::StatusOr<ModelOptions> ReadModel(const std::string& field, const config::Model& proto);

// INVALID_ARGUMENT as above, and for names that occur twice, or aliases and a default that lead nowhere.
absl::Status ReadModels(const config::ServerConfig& proto, ServerOptions& options);

// Adds the sections with all their fields.
void WriteModels(const ServerOptions& options, nlohmann::ordered_json& json);

}  // namespace vitok
