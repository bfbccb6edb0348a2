// GIF files made by hand. Free of torch.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/image/rgb_image.h"

namespace vitok {

using GifColours = std::vector<std::array<uint8_t, 3>>;  // 2, 4, 8 .. 256 of them, or none

struct GifPicture {
  uint32_t screen_height_px = 0, screen_width_px = 0;
  uint32_t top_px = 0, left_px = 0, height_px = 0, width_px = 0;
  std::vector<uint8_t> indices;  // in the order of the file
  GifColours screen_colours, colours;
  bool interlaced = false;
  std::string extensions;  // before the picture, such as TransparentIndex()
};

// A graphic control extension that sets the transparent index.
std::string TransparentIndex(uint8_t index);

// Codes in blocks, after their smallest size, as `indices` need them: each by itself.
std::string MakeGif(const GifPicture& picture);

// The red of each pixel as a grey, in all of the screen.
std::string MakeGrayGif(const RgbImage& image);

// Zeros of one code each that stands for one zero more than the one before: 1.4 KB for a million.
std::string MakeGifOfOneColour(uint32_t height_px, uint32_t width_px);

}  // namespace vitok
