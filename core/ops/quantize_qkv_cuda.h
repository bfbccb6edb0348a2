// Launches of the CUDA kernels of core/ops/quantize_qkv.h.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace vitok {

// The images of a launch, each rows of a packed batch, by value in the arguments of the kernels.
struct LaunchedImages {
  static constexpr int kMost = 64;
  int count;  // 1 to kMost
  int32_t first_row[kMost];
  int32_t rows[kMost];
  int32_t first_block[kMost + 1];  // set by the launch where blocks work on rows of one image
};

// Device pointers; strides in elements, each row contiguous.
struct MeanValuesArgs {
  LaunchedImages images;
  const void* v;  // bfloat16 [rows, width]
  int64_t v_stride;
  float* mean;  // [images, width]
  int64_t width;
};

struct QuantizeQkvArgs {
  LaunchedImages images;
  const void* qkv;  // bfloat16 [rows, 3 · width]
  int64_t qkv_stride;
  const float* mean;  // [images, width]
  void* out;          // e4m3 [rows, 3 · width]
  int64_t out_stride;
  int64_t width;
  float value_factor;  // 1 / value_scale
};

struct AddMeanValuesArgs {
  LaunchedImages images;
  const float* mean;  // [images, width]
  void* values;       // e4m3 [rows, width], in place
  int64_t stride;
  const float* scale;  // [rows]
  int64_t width;
  float value_scale;
};

cudaError_t LaunchMeanValues(const MeanValuesArgs& args, cudaStream_t stream);
cudaError_t LaunchQuantizeQkv(QuantizeQkvArgs args, cudaStream_t stream);
cudaError_t LaunchAddMeanValues(AddMeanValuesArgs args, cudaStream_t stream);

}  // namespace vitok
