// Decoded patches back to pictures.
#pragma once

#include <ATen/ATen.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// Value ranges of pixels, named as in the reference ("minus_one_to_one", "zero_to_one", "0_255").
enum class PixelRange { kMinusOneToOne, kZeroToOne, kZeroTo255 };

absl::StatusOr<PixelRange> ParsePixelRange(std::string_view name);

// [3, H, W] of `dtype`: patches on their grid, cut to the true size, H = geometry.height_px, W = geometry.width_px, in
// their own values (not clamped). `patch_px` is P; patches_ND is [N, 3·P·P], float32, float16 or bfloat16; cells
// without a token have the value 0. To 8-bit pictures: core/model/pixel_sequences.h. INVALID_ARGUMENT: another shape, a
// row or column outside the grid, a cell taken twice, H or W larger than the grid.
absl::StatusOr<at::Tensor> PatchesToPixels(const PatchSequence& patches, int64_t patch_px,
                                           at::ScalarType dtype = at::kFloat);

// Converts pixels between ranges: clamps to the target's range, scales in float32; to kZeroTo255 rounds half to even
// and gives uint8. Equal ranges return the input unclamped. Any shape.
at::Tensor ConvertPixelRange(const at::Tensor& pixels, PixelRange from, PixelRange to);

}  // namespace vitok
