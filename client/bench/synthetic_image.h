// Pictures of no particular content.
#pragma once

#include "client/bench/random.h"
#include "client/bench/size_distribution.h"
#include "core/image/rgb_image.h"

namespace vitok {

// Slow waves of random direction in each channel under a little noise, so that JPEG and PNG files of it are neither
// tiny nor incompressible.
RgbImage MakeSyntheticImage(ImageSize size, Random* random);

}  // namespace vitok
