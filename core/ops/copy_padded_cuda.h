// Copies several arrays to other places on the device and fills up what is left there, in one launch: the inputs of a
// captured CUDA graph.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>

namespace vitok {

struct PaddedCopy {
  const void* source = nullptr;
  void* target = nullptr;    // 16-byte aligned
  int64_t source_bytes = 0;  // at most target_bytes
  int64_t target_bytes = 0;  // a multiple of 16
  uint32_t fill = 0;         // repeated behind the source, in phase with the target's beginning
};

using PaddedCopies = std::array<PaddedCopy, 4>;

// No synchronisation. Sources must not overlap targets.
cudaError_t LaunchPaddedCopies(const PaddedCopies& copies, cudaStream_t stream);

}  // namespace vitok
