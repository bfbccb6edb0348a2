// Alpha over an opaque white page, in Pillow's integer arithmetic.
#pragma once

#include <cstdint>

namespace vitok {

// `num_pixels` pixels of R, G, B, A (not premultiplied) to R, G, B. The buffers must not overlap.
void BlendOverWhite(const uint8_t* rgba, int64_t num_pixels, uint8_t* rgb);

}  // namespace vitok
