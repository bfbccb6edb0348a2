// What the program takes from its environment; read in main only.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "core/weights/hub_options.h"

namespace vitok {

struct Environment {
  std::string token;                                        // VITOK_TOKEN; empty: not set
  std::function<absl::StatusOr<HubOptions>()> hub_options;  // HubOptionsFromEnvironment; for who needs them
};

}  // namespace vitok
