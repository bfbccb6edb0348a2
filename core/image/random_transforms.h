// What the random operations of the preprocessing language do to one picture. Draws depend on the size of the picture
// and the numbers of its stream, never on pixels; distributions: docs/NUMERICS.md.
#pragma once

#include "core/base/random_stream.h"
#include "core/image/transforms.h"

namespace vitok {

// Whether the operation may do one thing to a picture now and another one then. flip(0), flip(1) and a random_choice
// with one weight above 0 are not random.
bool IsRandom(const TransformOp& op);

// What `op` does to a picture of this size, as an operation that is not random; `op` itself if it is none of the random
// ones. REQUIRES: sides of at least 1 px.
TransformOp DrawTransform(const TransformOp& op, SizePx size, RandomStream& random);

// The box that random_resized_crop tries for these draws: its sides, which may be 0 or larger than the picture.
// `area_share` is of the picture's area, `log_ratio` of width / height.
SizePx TriedCropSize(SizePx size, double area_share, float log_ratio);

// A box of random_resized_crop: up to ten are tried until one fits; then the largest in the middle whose ratio is
// allowed.
PixelWindow DrawCropBox(const RandomResizedCropOp& op, SizePx size, RandomStream& random);

}  // namespace vitok
