#include "client/bench/image_source.h"

#include <limits>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"

namespace vitok {
namespace {

// Pictures are the user's own: only the server limits them.
constexpr DecodeLimits kNoLimits = {.max_pixels = std::numeric_limits<int64_t>::max()};

}  // namespace

absl::StatusOr<ImageInput> ToInput(RgbImage image, InputForm form) {
  if (form == InputForm::kRaw) return ImageInput(std::move(image));
  const ImageFormat format = form == InputForm::kJpeg ? ImageFormat::kJpeg : ImageFormat::kPng;
  VITOK_ASSIGN_OR_RETURN(std::string bytes, EncodeImage(image, {.format = format}));
  return EncodedImage{std::move(bytes)};
}

absl::StatusOr<SourceImage> ToSourceImage(const PictureBytes& picture, InputForm form) {
  absl::StatusOr<RgbImage> image = DecodeImage(picture.bytes, kNoLimits);
  if (!image.ok()) return absl::Status(image.status().code(), StrCat(picture.name, ": ", image.status().message()));
  SourceImage source;
  source.size = {image->width_px, image->height_px};
  if (form == InputForm::kFile) {
    source.input = EncodedImage{picture.bytes};
  } else {
    VITOK_ASSIGN_OR_RETURN(source.input, ToInput(*std::move(image), form));
  }
  return source;
}

}  // namespace vitok
