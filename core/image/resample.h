// Pillow's 8-bit image resampling, bit for bit: separable filters in fixed point, horizontal pass first.
#pragma once

#include <cstdint>
#include <vector>

#include "core/image/rgb_image.h"

namespace vitok {

enum class ResampleFilter { kBox, kBilinear, kBicubic, kLanczos };  // bicubic: a = -0.5; Lanczos: 3 lobes

// The filter along one axis: output pixel `begin + i` is the sum of weights[i][j] * input[first[i] + j], over 2^22.
struct ResampleTaps {
  std::vector<int32_t> first;
  std::vector<std::vector<int32_t>> weights;
};

// Taps of the output pixels [begin, end) when `in_px` pixels become `out_px`.
// REQUIRES: in_px, out_px positive; 0 <= begin <= end <= out_px.
ResampleTaps ComputeResampleTaps(ResampleFilter filter, int64_t in_px, int64_t out_px, int64_t begin, int64_t end);

// A part of a picture.
struct PixelWindow {
  int64_t top = 0, left = 0;
  int32_t height_px = 0, width_px = 0;
};

// The part `window` of `image` resized to out_width_px x out_height_px; the rest of the resized picture, which may be
// too large for any memory, is not computed. An axis that keeps its size is not filtered.
// REQUIRES: image not empty, sizes positive, window inside the resized picture.
RgbImage ResampleWindow(RgbView image, ResampleFilter filter, int64_t out_height_px, int64_t out_width_px,
                        const PixelWindow& window);

// The part `box` of `image` resized as if it were the whole picture: no pixel outside of it is used.
// REQUIRES: box not empty and inside the image, sizes positive.
RgbImage ResampleBox(RgbView image, const PixelWindow& box, ResampleFilter filter, int32_t out_height_px,
                     int32_t out_width_px);

// The whole picture.
RgbImage Resample(RgbView image, ResampleFilter filter, int32_t out_height_px, int32_t out_width_px);

}  // namespace vitok
