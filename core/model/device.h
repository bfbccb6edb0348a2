// Compute devices by name, and what memory they have.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/base/precision.h"

namespace vitok {

// "cpu", "cuda" (device 0) or "cuda:N". INVALID_ARGUMENT: another name. FAILED_PRECONDITION: built without CUDA, no
// such GPU on this machine.
absl::StatusOr<at::Device> ParseDevice(std::string_view name);

// OK if models of this precision run on `device`. FAILED_PRECONDITION for fp8 on the CPU and on GPUs without e4m3
// (compute capability below 8.9); names precision and device.
absl::Status CheckPrecision(Precision precision, at::Device device);

// Gives memory that torch keeps for later back to the device, for a second try after it ran out. Does nothing for
// "cpu".
void ReleaseCachedMemory(std::string_view device);

// Bytes of a CUDA device as torch's allocators and the driver know them.
struct DeviceMemory {
  int64_t allocated = 0;  // for tensors
  int64_t reserved = 0;   // taken from the device: allocated, or kept by torch for later
  int64_t free = 0;       // that nobody has taken
  int64_t pinned = 0;     // host memory pinned for transfers, of all devices together
};

// nullopt for "cpu", or when the device does not answer. Thread-safe.
std::optional<DeviceMemory> ReadDeviceMemory(std::string_view device);

// Throws c10::AcceleratorError if an earlier error has broken the device's context, so that all work on it fails. Does
// nothing on the CPU.
void CheckDeviceWorks(at::Device device);

// work(), which submits to `device`. cuBLAS and cuDNN report a broken context as an error of their own, a plain
// c10::Error; that leaves as the c10::AcceleratorError of CheckDeviceWorks.
template <typename Work>
auto NamingDeviceFaults(at::Device device, const Work& work) {
  try {
    return work();
  } catch (const c10::AcceleratorError&) {
    throw;
  } catch (const c10::Error&) {
    CheckDeviceWorks(device);
    throw;
  }
}

}  // namespace vitok
