// Decoded patches back to pictures.
#pragma once

#include <ATen/ATen.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/rgb_image.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// Value ranges of pixels, named as in the reference ("minus_one_to_one", "zero_to_one", "0_255").
enum class PixelRange { kMinusOneToOne, kZeroToOne, kZeroTo255 };

absl::StatusOr<PixelRange> ParsePixelRange(std::string_view name);

// Patches on their grid, cut to the true size: float32 [3, H, W], H = geometry.height_px, W = geometry.width_px, in the
// values of the patches (not clamped). `patch_px` is P; REQUIRES: patches_ND is [N, 3·P·P] with N =
// grid_rows·grid_cols. INVALID_ARGUMENT: a row or column outside the grid, H or W larger than the grid.
absl::StatusOr<at::Tensor> PatchesToPixels(const PatchSequence& patches, int64_t patch_px);

// Converts pixels between ranges: clamps to the target's range, scales in float32; to kZeroTo255 rounds half to even
// and gives uint8. Equal ranges return the input unclamped. Any shape.
at::Tensor ConvertPixelRange(const at::Tensor& pixels, PixelRange from, PixelRange to);

// [3, H, W] in [-1, 1] to an 8-bit picture: clamp, round((x + 1) · 127.5) half to even.
RgbImage ToRgbImage(const at::Tensor& pixels_3HW);

}  // namespace vitok
