// PNG files to pixels through libpng itself: cv::imdecode lets libpng write its messages to standard error, and turns
// the transparent key of RGB pictures into alpha.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/codec.h"
#include "core/image/rgb_image.h"

namespace vitok {

// Decodes to RGB as stored (no EXIF orientation): alpha and transparent palette entries by `alpha`, transparent keys of
// grey and RGB ignored, 16-bit grey clipped at 255, 16-bit colour cut to its high byte. `header` is what
// ReadImageHeader said. INVALID_ARGUMENT: data that ends before IEND, is damaged, or goes on
// far behind the last pixel.
absl::StatusOr<RgbImage> DecodePng(std::string_view bytes, const ImageHeader& header, AlphaRule alpha);

}  // namespace vitok
