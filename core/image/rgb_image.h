// A decoded picture: 8-bit RGB, rows from the top, no padding between rows. Free of torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vitok {

struct RgbImage {
  int32_t height_px = 0;
  int32_t width_px = 0;
  std::vector<uint8_t> pixels_HWC;  // height_px * width_px * 3 bytes

  RgbImage() = default;
  RgbImage(int32_t height, int32_t width)
      : height_px(height), width_px(width), pixels_HWC(static_cast<size_t>(height) * width * 3) {}

  friend bool operator==(const RgbImage&, const RgbImage&) = default;
};

}  // namespace vitok
