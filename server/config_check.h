// Bounds of the configuration's fields.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace vitok {

// INVALID_ARGUMENT "<field> must be <must>; was <was>".
absl::Status BadValue(std::string_view field, std::string_view must, std::string_view was);

// OK within [min, max], else BadValue.
absl::Status CheckRange(std::string_view field, int64_t value, int64_t min, int64_t max);

// The same for numbers; NaN is never OK.
absl::Status CheckNumber(std::string_view field, double value, double min, double max);

}  // namespace vitok
