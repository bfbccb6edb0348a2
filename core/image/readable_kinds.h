// Kinds of BMP and TIFF files that are refused by name.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "core/image/codec.h"

namespace vitok {

// INVALID_ARGUMENT names what the file is if OpenCV would fail on it without a reason, give other pixels than Pillow or
// take more memory than a picture of max_pixels: files above 2 GiB; BMP with an OS/2 header or 16 bits a pixel; TIFF
// with grey and alpha, colours of too few samples, a plane for each sample, more than 4 samples or 16 bits, a rare
// compression, or tiles or strips that are too large.
absl::Status CheckReadable(std::string_view bytes, ImageFormat format, int64_t max_pixels);

// Of the largest tile or strip that a TIFF file may have, with up to 8 bytes a pixel.
int64_t MaxTiffBlockPixels(int64_t max_pixels);

}  // namespace vitok
