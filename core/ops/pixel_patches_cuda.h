// The CUDA form of core/ops/pixel_patches.h: the functions that it calls, and the launches below them.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "core/ops/pixel_span.h"

namespace at {
class Tensor;
}

namespace vitok {

void BytesToPatchesCuda(const at::Tensor& bytes_B, const at::Tensor& spans, int64_t patch_px, at::Tensor& patches_TD,
                        at::Tensor& row_T, at::Tensor& col_T);
void PatchesToBytesCuda(const at::Tensor& patches_TD, const at::Tensor& row_T, const at::Tensor& col_T,
                        const at::Tensor& spans, int64_t patch_px, at::Tensor& bytes_B, at::Tensor& finite_I);

enum class PatchType { kFloat32, kBfloat16, kFloat16 };

// Device memory; sizes as in pixel_patches.h. All run on `stream`, may be captured in a graph, and return the
// launch's error.
struct PixelBatch {
  const PixelSpan* spans_I = nullptr;
  int64_t images = 0;  // I, at least 1
  int64_t tokens = 0;  // T
  int patch_px = 0;
  PatchType type = PatchType::kFloat32;
};

cudaError_t LaunchBytesToPatches(const PixelBatch& batch, const uint8_t* bytes_B, void* patches_TD, int32_t* row_T,
                                 int32_t* col_T, cudaStream_t stream);

cudaError_t LaunchPatchesToBytes(const PixelBatch& batch, const void* patches_TD, const int32_t* row_T,
                                 const int32_t* col_T, uint8_t* bytes_B, bool* finite_I, cudaStream_t stream);

}  // namespace vitok
