#include "core/ops/patchify.h"

namespace vitok {

at::Tensor Patchify(const at::Tensor& pixels_CHW, int64_t patch_px) {
  const int64_t channels = pixels_CHW.size(0);
  const int64_t rows = (pixels_CHW.size(1) + patch_px - 1) / patch_px;
  const int64_t cols = (pixels_CHW.size(2) + patch_px - 1) / patch_px;
  const int64_t pad_bottom = rows * patch_px - pixels_CHW.size(1);
  const int64_t pad_right = cols * patch_px - pixels_CHW.size(2);
  return at::constant_pad_nd(pixels_CHW, {0, pad_right, 0, pad_bottom})
      .view({channels, rows, patch_px, cols, patch_px})
      .permute({1, 3, 0, 2, 4})
      .reshape({rows * cols, channels * patch_px * patch_px});
}

at::Tensor Unpatchify(const at::Tensor& patches_ND, int64_t rows, int64_t cols, int64_t patch_px) {
  const int64_t channels = patches_ND.size(1) / (patch_px * patch_px);
  return patches_ND.reshape({rows, cols, channels, patch_px, patch_px})
      .permute({2, 0, 3, 1, 4})
      .reshape({channels, rows * patch_px, cols * patch_px});
}

}  // namespace vitok
