// Where one image of a batch has its tokens and its pixels, as kernels read it. Free of torch.
#pragma once

#include <cstdint>

#include "core/ops/pixel_kernels.h"

namespace vitok {

struct PixelSpan {
  // In the buffer of pictures: height_px * width_px * 3 bytes, rows from the top, no padding. Fastest at multiples of
  // 16. Negative: this image has no picture, and its tokens are left as they are.
  int64_t first_byte = -1;
  // In the batch. An image ends where the next one begins. Its tokens behind grid_rows * grid_cols are padding.
  int32_t first_token = 0;
  int32_t height_px = 0;
  int32_t width_px = 0;
  int32_t grid_rows = 0;
  int32_t grid_cols = 0;
  NormalizeMode normalize = NormalizeMode::kMinusOneToOne;  // towards patches only
};
static_assert(sizeof(PixelSpan) == 32);

}  // namespace vitok
