#include "server/config_check.h"

#include "core/base/str_cat.h"

namespace vitok {

absl::Status BadValue(std::string_view field, std::string_view must, std::string_view was) {
  return absl::InvalidArgumentError(StrCat(field, " must be ", must, "; was ", was));
}

absl::Status CheckRange(std::string_view field, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return BadValue(field, StrCat("between ", min, " and ", max), StrCat(value));
}

absl::Status CheckNumber(std::string_view field, double value, double min, double max) {
  if (value >= min && value <= max) return absl::OkStatus();  // false for NaN
  return BadValue(field, StrCat("between ", min, " and ", max), StrCat(value));
}

}  // namespace vitok
