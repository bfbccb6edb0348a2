// Models of the model hub for a server.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "core/weights/hub_options.h"
#include "server/lifecycle/model_loader.h"

namespace vitok {

// Fetches ModelOptions::hub, only the halves that the model's `halves` asks for, and logs how far it is. `hub` may be
// an error, which is that of every model then. `cancelled` is asked about once a second; may be empty.
// FAILED_PRECONDITION: the hub does not have it, does not give it or does not answer; RESOURCE_EXHAUSTED: the disk;
// CANCELLED.
ModelFetcher MakeHubFetcher(absl::StatusOr<HubOptions> hub, std::function<bool()> cancelled);

}  // namespace vitok
