#include "core/image/alpha_blend.h"

#include <algorithm>

namespace vitok {
namespace {

// Pillow's alpha_composite with a white, opaque destination (seven fractional bits).
uint8_t OverWhite(uint32_t value, uint32_t alpha) {
  const uint32_t sum = 128 * (value * alpha + 255 * (255 - alpha)) + 0x4000;
  return static_cast<uint8_t>(((sum >> 8) + sum) >> 8 >> 7);
}

}  // namespace

void BlendOverWhite(const uint8_t* rgba, int64_t num_pixels, uint8_t* rgb) {
  for (int64_t i = 0; i < num_pixels; ++i, rgba += 4, rgb += 3) {
    for (int channel = 0; channel < 3; ++channel) rgb[channel] = OverWhite(rgba[channel], rgba[3]);
  }
}

void RemoveAlpha(AlphaRule rule, const uint8_t* rgba, int64_t num_pixels, uint8_t* rgb) {
  if (rule == AlphaRule::kOverWhite) {
    BlendOverWhite(rgba, num_pixels, rgb);
    return;
  }
  for (int64_t i = 0; i < num_pixels; ++i) std::copy_n(rgba + 4 * i, 3, rgb + 3 * i);
}

}  // namespace vitok
