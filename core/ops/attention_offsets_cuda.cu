// One thread a slot. Runs once in a forward pass, so that a captured graph follows the lengths of the batch it is
// replayed with, which it finds in device memory.
#include "core/ops/attention_offsets_cuda.h"

namespace vitok {
namespace {

__global__ void FillOffsets(const int32_t* cu_I1, int64_t images, int64_t slots, int64_t in_stride, int64_t out_stride,
                            AttentionOffsets offsets) {
  const int64_t slot = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (slot > slots) return;
  const int64_t begin = cu_I1[slot < images ? slot : images];
  offsets.in_elements[slot] = begin * in_stride;
  offsets.out_elements[slot] = begin * out_stride;
  if (slot < slots) offsets.lengths[slot] = slot < images ? static_cast<int32_t>(cu_I1[slot + 1] - begin) : 0;
}

}  // namespace

cudaError_t LaunchAttentionOffsets(const int32_t* cu_I1, int64_t images, int64_t slots, int64_t in_stride,
                                   int64_t out_stride, const AttentionOffsets& offsets, cudaStream_t stream) {
  constexpr int kThreads = 256;
  const auto blocks = static_cast<unsigned>((slots + kThreads) / kThreads);  // slots + 1 threads at least
  FillOffsets<<<blocks, kThreads, 0, stream>>>(cu_I1, images, slots, in_stride, out_stride, offsets);
  return cudaGetLastError();
}

}  // namespace vitok
