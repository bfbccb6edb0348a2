// Configuration files: YAML read into JSON, with command-line overrides. The result is checked against a protobuf
// schema by each program's *_config.cc (protobuf's JSON mapping refuses unknown keys).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace vitok {

// Reads a YAML file (a mapping at the top) as JSON. Plain scalars become null, bool, integer or float by YAML 1.2's
// core schema; quoted ones stay strings. NOT_FOUND if there is no such file; INVALID_ARGUMENT "file:line:column:
// reason" for bad YAML, repeated keys, numbers that are not finite or exceed 64 bits, and aliases that expand without
// bound.
absl::StatusOr<nlohmann::json> ReadYamlFile(const std::string& path);

// Applies one override "a.b=value" or "a.0.b=value" (a number indexes a list) to `config`; missing mappings are
// created. The value is read as a YAML scalar or flow collection; nothing after the '=' is the empty string.
// INVALID_ARGUMENT names the override and what is wrong with it: not UTF-8, no '=', an empty key, more than 100 keys,
// an index outside its list, or a path through a scalar; `config` is unchanged then.
absl::Status ApplyOverride(std::string_view override_text, nlohmann::json& config);

// `config` as block YAML, keys in the order of `config`, for --print-config. ReadYamlFile reads the same values back.
std::string ToYaml(const nlohmann::ordered_json& config);

}  // namespace vitok
