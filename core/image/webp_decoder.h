// WebP files to pixels by libwebp itself. OpenCV takes what libwebp does not recognise for other formats, of which
// distributions build in many, some of them through temporary files.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/codec.h"
#include "core/image/rgb_image.h"

namespace vitok {

// Decodes a picture of the size in `header` (ReadImageHeader), as stored, alpha by `alpha`. INVALID_ARGUMENT:
// an animation; cut off or damaged; a size other than the header's.
absl::StatusOr<RgbImage> DecodeWebp(std::string_view bytes, const ImageHeader& header, AlphaRule alpha);

}  // namespace vitok
