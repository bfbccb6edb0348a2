// One thread for 16 bytes of a target; blockIdx.y is the copy.
#include <algorithm>

#include "core/ops/copy_padded_cuda.h"

namespace vitok {
namespace {

constexpr int kThreads = 256;
constexpr int64_t kChunk = 16;

struct Copies {
  PaddedCopy of[std::tuple_size<PaddedCopies>::value];
};

__global__ void CopyPadded(Copies copies) {
  const PaddedCopy& copy = copies.of[blockIdx.y];
  const int64_t begin = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * kChunk;
  if (begin >= copy.target_bytes) return;
  const auto* const source = static_cast<const uint8_t*>(copy.source) + begin;
  uint4 chunk = {copy.fill, copy.fill, copy.fill, copy.fill};
  if (begin + kChunk <= copy.source_bytes && reinterpret_cast<uintptr_t>(source) % kChunk == 0) {
    chunk = *reinterpret_cast<const uint4*>(source);
  } else {
    auto* const bytes = reinterpret_cast<uint8_t*>(&chunk);
    for (int64_t i = 0; i < kChunk && begin + i < copy.source_bytes; ++i) bytes[i] = source[i];
  }
  *reinterpret_cast<uint4*>(static_cast<uint8_t*>(copy.target) + begin) = chunk;
}

}  // namespace

cudaError_t LaunchPaddedCopies(const PaddedCopies& copies, cudaStream_t stream) {
  Copies args;
  int64_t longest = 0;
  for (size_t i = 0; i < copies.size(); ++i) {
    args.of[i] = copies[i];
    longest = std::max(longest, copies[i].target_bytes);
  }
  if (longest == 0) return cudaSuccess;
  const auto blocks = static_cast<unsigned>((longest / kChunk + kThreads - 1) / kThreads);
  CopyPadded<<<dim3(blocks, static_cast<unsigned>(copies.size())), kThreads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace vitok
