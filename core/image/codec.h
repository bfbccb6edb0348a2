// Picture files to pixels and back. The only user of OpenCV; free of torch. Pixels equal Pillow's
// Image.open + exif_transpose + conversion over white (goldens/pp/README.md, "Decoding").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/rgb_image.h"

namespace vitok {

enum class ImageFormat { kJpeg, kPng, kWebp, kBmp, kTiff, kGif };

// What the header of a picture file says; nothing is decoded for it.
struct ImageHeader {
  ImageFormat format = ImageFormat::kPng;
  int32_t width_px =
      0;  // as stored, before EXIF orientation; of GIF the logical screen, or the first picture beyond it
  int32_t height_px = 0;
};

struct DecodeLimits {
  int64_t max_pixels = int64_t{1} << 26;  // width * height (64 Mi pixels = 8192²); REQUIRES: positive
};

// What becomes of transparency.
enum class AlphaRule {
  kOverWhite,  // the picture is laid over a white page
  kDrop,       // colours stay as the file has them, as the reference's tar loader does
};

// Lower-case name: "jpeg", "png", "webp", "bmp", "tiff", "gif".
std::string_view ImageFormatName(ImageFormat format);

// Reads format and size from the first bytes. INVALID_ARGUMENT: empty, not one of the six formats (naming the list),
// or a header that is cut off or states no size.
absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes);

// Decodes a picture (of a GIF file the first) to RGB: EXIF orientation applied, alpha by `alpha`, grey and palette
// expanded, 16-bit and CMYK converted. INVALID_ARGUMENT: what ReadImageHeader refuses; more pixels than
// limits.max_pixels (checked on the header, before anything is allocated; names both numbers); data cut off or damaged;
// files that cost far more than their pixels. Besides the file it takes at most 32 bytes of memory for each of
// limits.max_pixels and 32 MiB, whatever the file states; only lossless WebP may take 20 KiB more for each block of 16
// pixels that has a code of its own, of which there are at most 65536. Pixels come from the file alone. Nothing is
// printed. Thread-safe.
absl::StatusOr<RgbImage> DecodeImage(std::string_view bytes, const DecodeLimits& limits = {},
                                     AlphaRule alpha = AlphaRule::kOverWhite);

struct EncodeOptions {
  ImageFormat format = ImageFormat::kPng;  // PNG, JPEG or WebP
  int quality = 95;                        // JPEG and WebP: 1..100; WebP 101 is lossless. PNG ignores it.
};

// Encodes a picture. INVALID_ARGUMENT: a format that is not written, a quality out of range, an empty image, one that
// has not the bytes of its size.
absl::StatusOr<std::string> EncodeImage(RgbView image, const EncodeOptions& options);
absl::StatusOr<std::string> EncodeImage(const RgbImage& image, const EncodeOptions& options);

}  // namespace vitok
