// JPEG files to pixels through libjpeg-turbo itself: cv::imdecode fills what a cut-off file lacks with grey without a
// word, and converts CMYK in its own way.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/codec.h"
#include "core/image/rgb_image.h"

namespace vitok {

// Decodes to RGB as stored (no EXIF orientation). `header` is what ReadImageHeader said. INVALID_ARGUMENT: data that
// ends early or is damaged, a coding that libjpeg does not know, a size other than the header's, more scans than a
// picture can need, arithmetic coding (which goes on without data, at ten times the cost of Huffman coding).
absl::StatusOr<RgbImage> DecodeJpeg(std::string_view bytes, const ImageHeader& header);

}  // namespace vitok
