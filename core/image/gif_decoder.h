// GIF files to pixels by giflib, which OpenCV does not read. Of an animation the first picture.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/codec.h"
#include "core/image/rgb_image.h"

namespace vitok {

// Decodes the first picture to RGB on its screen of the size in `header` (ReadImageHeader), as Pillow composes it:
// where the picture does not reach lies the transparent colour, without one colour 0 (the background colour is not
// used); without a colour table, or with one that gives each index its own grey, pixels are grey and never transparent.
// Transparency by `alpha`. INVALID_ARGUMENT: no picture; data cut off or damaged; a size other than the header's.
absl::StatusOr<RgbImage> DecodeGif(std::string_view bytes, const ImageHeader& header, AlphaRule alpha);

}  // namespace vitok
