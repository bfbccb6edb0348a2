// One thread a slot. Runs once in a forward pass, so that a captured graph follows the lengths of the batch it is
// replayed with, which it finds in device memory.
#include "core/ops/attention_offsets_cuda.h"

namespace vitok {
namespace {

// The image of a slot; args.images: none. Only few images are taken in a batch where not all are.
__device__ int64_t ImageOf(int64_t slot, const AttentionOffsetsArgs& args) {
  if (args.takes_all) return slot < args.images ? slot : args.images;
  for (int64_t image = 0; image < args.images; ++image) {
    const int64_t tokens = args.cu_I1[image + 1] - args.cu_I1[image];
    if (tokens >= args.from_tokens && tokens < args.to_tokens && slot-- == 0) return image;
  }
  return args.images;
}

__global__ void FillOffsets(const AttentionOffsetsArgs args, AttentionOffsets offsets) {
  const int64_t slot = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (slot > args.slots) return;
  const int64_t image = ImageOf(slot, args);
  const int64_t begin = args.cu_I1[image];
  offsets.in_elements[slot] = begin * args.in_stride;
  offsets.out_elements[slot] = begin * args.out_stride;
  if (slot == args.slots) return;
  offsets.lengths[slot] = image < args.images ? static_cast<int32_t>(args.cu_I1[image + 1] - begin) : 0;
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
