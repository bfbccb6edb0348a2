// Latents without a picture.
#pragma once

#include "client/bench/random.h"
#include "client/bench/size_distribution.h"
#include "client/tokenizer_types.h"

namespace vitok {

// Latents z [N, channels] of a picture of this size in raster order, their values random numbers of either sign with
// magnitudes in [0.25, 2): about what a layer norm, which ends the encoder, gives. REQUIRES: patch_px and channels are
// positive; dtype is float32, float16 or bfloat16.
Latents MakeRandomLatents(ImageSize size, int32_t patch_px, int32_t channels, DType dtype, Random* random);

}  // namespace vitok
