// The orientation that a camera noted in a picture file, and its application.
#pragma once

#include <string_view>

#include "core/image/codec.h"
#include "core/image/rgb_image.h"

namespace vitok {

// EXIF orientation 1..8 as Pillow's exif_transpose finds it: the EXIF block (JPEG APP1, PNG eXIf, WebP EXIF); without
// an orientation there, tiff:Orientation of the XMP packet. 1 (as stored) for none, for other values, and for BMP, GIF
// and TIFF (whose decoder orients by itself).
int ReadOrientation(std::string_view bytes, ImageFormat format);

// Turns a picture as stored into the upright one. REQUIRES: orientation in 1..8.
RgbImage ApplyOrientation(RgbImage image, int orientation);

}  // namespace vitok
