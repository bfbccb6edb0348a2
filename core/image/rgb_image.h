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

// The same picture in memory of somebody else, who keeps it for as long as the view is used.
struct RgbView {
  int32_t height_px = 0;
  int32_t width_px = 0;
  const uint8_t* pixels_HWC = nullptr;

  RgbView(int32_t height, int32_t width, const uint8_t* pixels)
      : height_px(height), width_px(width), pixels_HWC(pixels) {}
  RgbView(const RgbImage& image)  // NOLINT(google-explicit-constructor): an image is what most callers have
      : RgbView(image.height_px, image.width_px, image.pixels_HWC.data()) {}
};

}  // namespace vitok
