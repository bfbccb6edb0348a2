// YAML text to JSON.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace vitok {

// Limits that no configuration meets; they bound what nested aliases can blow up.
inline constexpr int kMaxYamlDepth = 100;
inline constexpr int kMaxYamlNodes = 100'000;

// One YAML document as JSON, aliases expanded. Plain scalars are typed by ResolvePlainScalar, quoted ones are strings.
// INVALID_ARGUMENT "line:column: reason" (both from 1) for bad YAML, text that is not UTF-8, repeated keys, keys that
// are no scalars, tags other than !!str, more than one document, and documents over the limits above.
absl::StatusOr<nlohmann::json> ParseYaml(const std::string& text);

// The same for one scalar or flow collection; a block mapping or list is INVALID_ARGUMENT.
absl::StatusOr<nlohmann::json> ParseYamlFlow(const std::string& text);

}  // namespace vitok
