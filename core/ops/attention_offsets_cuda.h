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

// The batch that offsets are made of.
struct AttentionOffsetsArgs {
  const int32_t* cu_I1;  // [images + 1], on the device
  int64_t images;
  int64_t slots;      // at least the images that are taken
  int64_t in_stride;  // elements from one token to the next
  int64_t out_stride;
  bool takes_all;  // else the images of from_tokens and more, but fewer than to_tokens
  int64_t from_tokens;
  int64_t to_tokens;
};

// Fills `offsets` with the images that are taken, in order; slots beyond them get length 0. One launch, no
// synchronisation; may be captured in a graph.
cudaError_t LaunchAttentionOffsets(const AttentionOffsetsArgs& args, const AttentionOffsets& offsets,
                                   cudaStream_t stream);

}  // namespace vitok
