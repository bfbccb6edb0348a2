// Pixels with alpha to pixels without.
#pragma once

#include <cstdint>

#include "core/image/codec.h"

namespace vitok {

// `num_pixels` pixels of R, G, B, A (not premultiplied) over an opaque white page, in Pillow's integer arithmetic. The
// buffers must not overlap.
void BlendOverWhite(const uint8_t* rgba, int64_t num_pixels, uint8_t* rgb);

// The same by a rule.
void RemoveAlpha(AlphaRule rule, const uint8_t* rgba, int64_t num_pixels, uint8_t* rgb);

}  // namespace vitok
