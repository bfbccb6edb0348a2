// YAML 1.2's core schema: what a plain (unquoted) scalar means.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace vitok {

// null, bool, integer, float or else string. INVALID_ARGUMENT: an integer beyond 64 bits, a float that is not finite
// (JSON, into which configurations are read, has neither).
absl::StatusOr<nlohmann::json> ResolvePlainScalar(std::string_view text);

}  // namespace vitok
