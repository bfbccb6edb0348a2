// Kinds of WebP, BMP and TIFF files that are refused by name.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "core/image/codec.h"

namespace vitok {

// INVALID_ARGUMENT names what the file is if OpenCV would fail on it without a reason or give other pixels than Pillow:
// animated WebP; BMP with an OS/2 header or 16 bits a pixel; TIFF with grey and alpha, or tiles that are too large.
absl::Status CheckReadable(std::string_view bytes, ImageFormat format);

}  // namespace vitok
