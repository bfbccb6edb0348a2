// Where the images of a packed batch begin, in the form that a cuDNN plan for packed attention reads.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

// Device memory of `slots` image slots.
struct AttentionOffsets {
  int64_t* in_elements = nullptr;   // [slots + 1]: first element of each image among queries, keys and values
  int64_t* out_elements = nullptr;  // [slots + 1]: the same in the result
  int32_t* lengths = nullptr;       // [slots]: tokens
};

// Fills `offsets` from cu_I1 [images + 1] on the device; slots from `images` on get length 0. Strides are elements from
// one token to the next. REQUIRES: 0 <= images <= slots. One launch, no synchronisation; may be captured in a graph.
cudaError_t LaunchAttentionOffsets(const int32_t* cu_I1, int64_t images, int64_t slots, int64_t in_stride,
                                   int64_t out_stride, const AttentionOffsets& offsets, cudaStream_t stream);

}  // namespace vitok
