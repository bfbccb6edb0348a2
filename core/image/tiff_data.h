// Whether the pixels of a TIFF file are all there.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace vitok {

// Unpacks each strip or tile of the first picture and throws it away: OpenCV, which decodes the picture, goes on behind
// data that are cut off or damaged and gives a picture with holes. One strip or tile is in memory at a time, of at most
// `max_block_pixels` of 8 bytes. INVALID_ARGUMENT, with libtiff's reason: one of them cannot be unpacked, or is larger.
// Prints nothing; thread-safe. REQUIRES: CheckReadable says OK.
absl::Status CheckTiffData(std::string_view bytes, int64_t max_block_pixels);

}  // namespace vitok
