#include "core/image/source/position_fields.h"

#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr auto kReplace = nlohmann::json::error_handler_t::replace;  // positions may hold anything

absl::StatusOr<int64_t> Count(const nlohmann::json& value, std::string_view name, int64_t max) {
  const bool is_count = value.is_number_unsigned() || (value.is_number_integer() && value.get<int64_t>() >= 0);
  if (!is_count || value.get<uint64_t>() > static_cast<uint64_t>(max)) {
    return absl::InvalidArgumentError(StrCat("position: '", name, "' must be a number in [0, ", max, "]; was ",
                                             value.dump(-1, ' ', false, kReplace)));
  }
  return value.get<int64_t>();
}

}  // namespace

std::string DigestNames(const std::vector<std::string_view>& names) {
  uint64_t hash = 0xCBF29CE484222325;
  const auto add = [&](unsigned char byte) { hash = (hash ^ byte) * 0x100000001B3; };
  for (const std::string_view name : names) {
    for (const char c : name) add(static_cast<unsigned char>(c));
    add(0);
  }
  return absl::StrFormat("%016x", hash);
}

absl::Status CheckIdentity(const nlohmann::json& position, const nlohmann::json& identity) {
  if (!position.is_object()) return absl::InvalidArgumentError("position of a data source: not an object");
  for (const auto& [name, expected] : identity.items()) {
    const auto found = position.find(name);
    if (found == position.end()) {
      return absl::InvalidArgumentError(StrCat("position of a data source: '", name, "' is missing"));
    }
    if (*found != expected) {
      return absl::FailedPreconditionError(StrCat("position of another data source: '", name, "' is ",
                                                  found->dump(-1, ' ', false, kReplace), " there and ", expected.dump(),
                                                  " here"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> CountField(const nlohmann::json& position, const std::string& name, int64_t max) {
  const auto found = position.find(name);
  if (found == position.end()) return absl::InvalidArgumentError(StrCat("position: '", name, "' is missing"));
  return Count(*found, name, max);
}

absl::StatusOr<std::vector<int64_t>> CountsField(const nlohmann::json& position, const std::string& name,
                                                 size_t multiple) {
  const auto found = position.find(name);
  if (found == position.end() || !found->is_array() || found->size() % multiple != 0) {
    return absl::InvalidArgumentError(StrCat("position: '", name, "' must be a list of groups of ", multiple));
  }
  std::vector<int64_t> counts;
  for (const nlohmann::json& value : *found) {
    VITOK_ASSIGN_OR_RETURN(const int64_t count, Count(value, name, INT64_MAX));
    counts.push_back(count);
  }
  return counts;
}

}  // namespace vitok
