#include "core/model/device.h"

#include <string>

#include "absl/strings/numbers.h"
#include "core/base/str_cat.h"

#ifdef VITOK_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
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

void ReleaseCachedMemory([[maybe_unused]] std::string_view device) {
#ifdef VITOK_CUDA
  if (device != "cpu") c10::cuda::CUDACachingAllocator::emptyCache();
#endif
}

std::optional<int64_t> FreeDeviceMemory([[maybe_unused]] std::string_view device) {
#ifdef VITOK_CUDA
  if (const absl::StatusOr<at::Device> parsed = ParseDevice(device); parsed.ok() && parsed->is_cuda()) {
    const c10::cuda::CUDAGuard guard(*parsed);
    size_t free = 0;
    size_t total = 0;
    C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
    constexpr size_t kAllPools = 0;  // c10::CachingAllocator::StatType::AGGREGATE
    const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(parsed->index());
    return static_cast<int64_t>(free) + stats.reserved_bytes[kAllPools].current -
           stats.allocated_bytes[kAllPools].current;
  }
#endif
  return std::nullopt;
}

void SynchronizeDevice([[maybe_unused]] at::Device device) {
#ifdef VITOK_CUDA
  if (device.is_cuda()) at::cuda::getCurrentCUDAStream(device.index()).synchronize();
#endif
}

}  // namespace vitok
