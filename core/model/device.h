// Compute devices by name, and waiting for them. The only place of core that knows about CUDA streams.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"

namespace vitok {

// "cpu", "cuda" (device 0) or "cuda:N". INVALID_ARGUMENT: another name. FAILED_PRECONDITION: built without CUDA, no
// such GPU on this machine.
absl::StatusOr<at::Device> ParseDevice(std::string_view name);

// Gives memory that torch keeps for later back to the device, for a second try after it ran out. Does nothing for
// "cpu".
void ReleaseCachedMemory(std::string_view device);

// Bytes of a GPU that this process can still take, what torch keeps for later included; nullopt for "cpu".
std::optional<int64_t> FreeDeviceMemory(std::string_view device);

// Returns when the work submitted to the device's current stream is done. On the CPU it is done already.
void SynchronizeDevice(at::Device device);

}  // namespace vitok
