#include "core/ops/pixel_patches_cuda.h"

#include <ATen/ATen.h>

#include "core/ops/launch_cuda.h"
#include "core/ops/pixel_patches.h"

namespace vitok {
namespace {

PatchType TypeOf(const at::Tensor& patches_TD) {
  switch (patches_TD.scalar_type()) {
    case at::kFloat: return PatchType::kFloat32;
    case at::kBFloat16: return PatchType::kBfloat16;
    case at::kHalf: return PatchType::kFloat16;
    default: TORCH_CHECK(false, "patches must be float32, bfloat16 or float16; were ", patches_TD.scalar_type());
  }
}

PixelBatch BatchOf(const at::Tensor& patches_TD, const at::Tensor& spans, int64_t patch_px) {
  return {.spans_I = static_cast<const PixelSpan*>(spans.const_data_ptr()),
          .images = spans.numel() / static_cast<int64_t>(sizeof(PixelSpan)),
          .tokens = patches_TD.size(0),
          .patch_px = static_cast<int>(patch_px),
          .type = TypeOf(patches_TD)};
}

}  // namespace

void BytesToPatchesCuda(const at::Tensor& bytes_B, const at::Tensor& spans, int64_t patch_px, at::Tensor& patches_TD,
                        at::Tensor& row_T, at::Tensor& col_T) {
  if (patches_TD.size(0) == 0) return;  // there is no launch of nothing
  LaunchOn(bytes_B, [&](cudaStream_t stream) {
    return LaunchBytesToPatches(BatchOf(patches_TD, spans, patch_px), bytes_B.const_data_ptr<uint8_t>(),
                                patches_TD.mutable_data_ptr(), row_T.mutable_data_ptr<int32_t>(),
                                col_T.mutable_data_ptr<int32_t>(), stream);
  });
}

void PatchesToBytesCuda(const at::Tensor& patches_TD, const at::Tensor& row_T, const at::Tensor& col_T,
                        const at::Tensor& spans, int64_t patch_px, at::Tensor& bytes_B, at::Tensor& finite_I) {
  LaunchOn(bytes_B, [&](cudaStream_t stream) {
    return LaunchPatchesToBytes(BatchOf(patches_TD, spans, patch_px), patches_TD.const_data_ptr(),
                                row_T.const_data_ptr<int32_t>(), col_T.const_data_ptr<int32_t>(),
                                bytes_B.mutable_data_ptr<uint8_t>(), finite_I.mutable_data_ptr<bool>(), stream);
  });
}

}  // namespace vitok
