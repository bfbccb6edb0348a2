#include "core/image/webp_decoder.h"

#include <webp/decode.h>

#include <cstdint>
#include <vector>

#include "core/base/str_cat.h"
#include "core/image/alpha_blend.h"

namespace vitok {
namespace {

absl::Status Damaged(std::string_view bytes) {
  return absl::InvalidArgumentError(StrCat("webp data is cut off or damaged (", bytes.size(), " bytes)"));
}

}  // namespace

absl::StatusOr<RgbImage> DecodeWebp(std::string_view bytes, const ImageHeader& header, AlphaRule alpha) {
  const auto* const data = reinterpret_cast<const uint8_t*>(bytes.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK) return Damaged(bytes);
  if (features.has_animation != 0) {
    return absl::InvalidArgumentError("webp animations are not read; send one picture");
  }
  if (features.width != header.width_px || features.height != header.height_px) {
    return absl::InvalidArgumentError(StrCat("webp file states two sizes: ", header.width_px, " x ", header.height_px,
                                             " px and ", features.width, " x ", features.height, " px"));
  }
  RgbImage image(header.height_px, header.width_px);
  std::vector<uint8_t>& rgb = image.pixels_HWC;
  if (features.has_alpha == 0) {
    if (WebPDecodeRGBInto(data, bytes.size(), rgb.data(), rgb.size(), 3 * header.width_px) == nullptr) {
      return Damaged(bytes);
    }
    return image;
  }
  const int64_t num_pixels = int64_t{header.height_px} * header.width_px;
  std::vector<uint8_t> rgba(4 * num_pixels);
  if (WebPDecodeRGBAInto(data, bytes.size(), rgba.data(), rgba.size(), 4 * header.width_px) == nullptr) {
    return Damaged(bytes);
  }
  RemoveAlpha(alpha, rgba.data(), num_pixels, rgb.data());
  return image;
}

}  // namespace vitok
