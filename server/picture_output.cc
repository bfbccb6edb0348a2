#include "server/picture_output.h"

#include <string>

#include "core/base/dtype.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/image/postprocess.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"

namespace vitok {
namespace {

constexpr int32_t kDefaultQuality = 95;

void WritePixels(const RgbImage& image, v1::Tensor* tensor) {
  tensor->set_dtype(v1::DTYPE_UINT8);
  tensor->add_shape(image.height_px);
  tensor->add_shape(image.width_px);
  tensor->add_shape(3);
  tensor->set_data(image.pixels_HWC.data(), image.pixels_HWC.size());
}

absl::Status WriteFile(const RgbImage& image, ImageFormat format, int quality, v1::Picture* picture) {
  VITOK_ASSIGN_OR_RETURN(*picture->mutable_encoded(), EncodeImage(image, {.format = format, .quality = quality}));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::PictureOptions> ReadPictureOptions(const v1::PictureOptions& options) {
  v1::PictureOptions read = options;
  if (read.format() == v1::PIXEL_FORMAT_UNSPECIFIED) read.set_format(v1::PIXEL_FORMAT_UINT8);
  if (!v1::PixelFormat_IsValid(read.format())) {
    return FieldError("picture.format", StrCat("must be a known PixelFormat; was ", static_cast<int>(read.format())));
  }
  if (read.quality() == 0) read.set_quality(kDefaultQuality);
  const int32_t best = read.format() == v1::PIXEL_FORMAT_WEBP ? 101 : 100;
  if (read.quality() < 1 || read.quality() > best) {
    return FieldError("picture.quality",
                      StrCat("must be between 1 and ", best, ", or 0 for ", kDefaultQuality, "; was ", read.quality()));
  }
  return read;
}

absl::Status WritePicture(const PatchSequence& patches, int64_t patch_px, const v1::PictureOptions& options,
                          v1::Picture* picture) {
  VITOK_ASSIGN_OR_RETURN(const at::Tensor pixels_3HW, PatchesToPixels(patches, patch_px));
  picture->set_height_px(patches.geometry.height_px);
  picture->set_width_px(patches.geometry.width_px);
  switch (options.format()) {
    case v1::PIXEL_FORMAT_FLOAT16: WriteTensor(pixels_3HW, DType::kFloat16, picture->mutable_tensor()); break;
    case v1::PIXEL_FORMAT_BFLOAT16: WriteTensor(pixels_3HW, DType::kBfloat16, picture->mutable_tensor()); break;
    case v1::PIXEL_FORMAT_FLOAT32: WriteTensor(pixels_3HW, DType::kFloat32, picture->mutable_tensor()); break;
    case v1::PIXEL_FORMAT_PNG: return WriteFile(ToRgbImage(pixels_3HW), ImageFormat::kPng, options.quality(), picture);
    case v1::PIXEL_FORMAT_JPEG:
      return WriteFile(ToRgbImage(pixels_3HW), ImageFormat::kJpeg, options.quality(), picture);
    case v1::PIXEL_FORMAT_WEBP:
      return WriteFile(ToRgbImage(pixels_3HW), ImageFormat::kWebp, options.quality(), picture);
    default: WritePixels(ToRgbImage(pixels_3HW), picture->mutable_tensor()); break;
  }
  return absl::OkStatus();
}

}  // namespace vitok
