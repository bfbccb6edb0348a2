// Positions of sources (ImageSource::Position): what they are checked for when they come back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace vitok {

// A short digest of names (FNV-1a, 64 bits, in hexadecimal), by which a position knows its data again.
std::string DigestNames(const std::vector<std::string_view>& names);

// Each member of `identity` must be the same in `position`. INVALID_ARGUMENT: the position is no object or lacks one;
// FAILED_PRECONDITION names the member and both values.
absl::Status CheckIdentity(const nlohmann::json& position, const nlohmann::json& identity);

// A number in [0, max]. INVALID_ARGUMENT names the member, and the value and bound if there is one.
absl::StatusOr<int64_t> CountField(const nlohmann::json& position, const std::string& name, int64_t max);

// A list of such numbers, `multiple` times some count of them.
absl::StatusOr<std::vector<int64_t>> CountsField(const nlohmann::json& position, const std::string& name,
                                                 size_t multiple);

}  // namespace vitok
