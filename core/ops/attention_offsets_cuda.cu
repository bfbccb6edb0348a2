// One thread a slot. Runs once in a forward pass, so that a captured graph follows the lengths of the batch it is
// replayed with, which it finds in device memory.
#include "core/ops/attention_offsets_cuda.h"

namespace vitok {
namespace {

__global__ void FillOffsets(const AttentionOffsetsArgs args, AttentionOffsets offsets) {
  const int64_t slot = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (slot > args.slots) return;
  const int64_t begin = args.cu_I1[slot < args.images ? slot : args.images];
  offsets.in_elements[slot] = begin * args.in_stride;
  offsets.out_elements[slot] = begin * args.out_stride;
  if (slot == args.slots) return;
  const int64_t tokens = slot < args.images ? args.cu_I1[slot + 1] - begin : 0;
  const bool taken = tokens >= args.from_tokens && tokens < args.to_tokens;
  offsets.lengths[slot] = taken ? static_cast<int32_t>(tokens) : 0;
}

}  // namespace

cudaError_t LaunchAttentionOffsets(const AttentionOffsetsArgs& args, const AttentionOffsets& offsets,
                                   cudaStream_t stream) {
  constexpr int kThreads = 256;
  const auto blocks = static_cast<unsigned>((args.slots + kThreads) / kThreads);  // slots + 1 threads at least
  FillOffsets<<<blocks, kThreads, 0, stream>>>(args, offsets);
  return cudaGetLastError();
}

}  // namespace vitok
