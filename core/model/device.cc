#include "core/model/device.h"

#include <string>

#include "absl/strings/numbers.h"
#include "core/base/str_cat.h"

#ifdef VITOK_CUDA
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#endif

namespace vitok {

absl::StatusOr<at::Device> ParseDevice(std::string_view name) {
  if (name == "cpu") return at::Device(at::kCPU);
  int index = 0;
  const bool numbered = name.starts_with("cuda:") && absl::SimpleAtoi(ToAbsl(name.substr(5)), &index) && index >= 0;
  if (name != "cuda" && !numbered) {
    return absl::InvalidArgumentError(StrCat("device must be cpu, cuda or cuda:N; was '", name, "'"));
  }
#ifdef VITOK_CUDA
  const int count = at::cuda::device_count();
  if (index >= count) {
    return absl::FailedPreconditionError(StrCat("device ", name, " is not there: this machine has ", count, " GPUs"));
  }
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(index));
#else
  return absl::FailedPreconditionError(StrCat("device ", name, " needs a build with CUDA (VITOK_CUDA=ON)"));
#endif
}

absl::Status CheckPrecision(Precision precision, at::Device device) {
  if (precision != Precision::kFp8) return absl::OkStatus();
  const auto refuse = [&](std::string_view reason) {
    return absl::FailedPreconditionError(
        StrCat("dtype ", PrecisionName(precision), " needs a GPU of compute capability 8.9 or higher; ", reason));
  };
#ifdef VITOK_CUDA
  if (device.is_cuda()) {
    const cudaDeviceProp* const properties = at::cuda::getDeviceProperties(device.index());
    if (properties->major * 10 + properties->minor >= 89) return absl::OkStatus();
    return refuse(StrCat("device ", device.str(), " has ", properties->major, ".", properties->minor));
  }
#endif
  return refuse(StrCat("the device is ", device.str()));
}

void ReleaseCachedMemory([[maybe_unused]] std::string_view device) {
#ifdef VITOK_CUDA
  if (device != "cpu") c10::cuda::CUDACachingAllocator::emptyCache();
#endif
}

std::optional<DeviceMemory> ReadDeviceMemory([[maybe_unused]] std::string_view device) {
#ifdef VITOK_CUDA
  const absl::StatusOr<at::Device> parsed = ParseDevice(device);
  if (!parsed.ok() || !parsed->is_cuda()) return std::nullopt;
  try {
    using c10::CachingAllocator::StatType;
    constexpr auto kAll = static_cast<size_t>(StatType::AGGREGATE);
    const c10::cuda::CUDAGuard guard(parsed->index());
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(parsed->index());
    size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) return std::nullopt;
    return DeviceMemory{.allocated = stats.allocated_bytes[kAll].current,
                        .reserved = stats.reserved_bytes[kAll].current,
                        .free = static_cast<int64_t>(free),
                        .pinned = at::getHostAllocator(at::kCUDA)->get_stats().allocated_bytes.current};
  } catch (const c10::Error&) {
    return std::nullopt;  // a scrape must not fail with the device
  }
#else
  return std::nullopt;
#endif
}

void CheckDeviceWorks([[maybe_unused]] at::Device device) {
#ifdef VITOK_CUDA
  if (!device.is_cuda()) return;
  const c10::cuda::CUDAGuard guard(device);
  size_t free = 0, total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));  // allowed during a capture, too
#endif
}

}  // namespace vitok
