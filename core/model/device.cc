#include "core/model/device.h"

#include <string>

#include "absl/strings/numbers.h"
#include "core/base/str_cat.h"

#ifdef VITOK_CUDA
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
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

void SynchronizeDevice([[maybe_unused]] at::Device device) {
#ifdef VITOK_CUDA
  if (device.is_cuda()) at::cuda::getCurrentCUDAStream(device.index()).synchronize();
#endif
}

}  // namespace vitok
