#include "server/picture_output.h"

#include <string>
#include <utility>

#include "core/base/dtype.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/image/postprocess.h"
#include "server/reply_bytes.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"

namespace vitok {
namespace {

constexpr int32_t kDefaultQuality = 95;

grpc::Slice WritePixels(RgbImage image, v1::Tensor* tensor) {
  tensor->set_dtype(v1::DTYPE_UINT8);
  tensor->add_shape(image.height_px);
  tensor->add_shape(image.width_px);
  tensor->add_shape(3);
  return ToSlice(std::move(image.pixels_HWC));
}

absl::StatusOr<grpc::Slice> WriteFile(const RgbImage& image, ImageFormat format, int quality) {
  VITOK_ASSIGN_OR_RETURN(std::string file, EncodeImage(image, {.format = format, .quality = quality}));
  return ToSlice(std::move(file));
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

absl::StatusOr<grpc::Slice> WritePicture(const PatchSequence& patches, int64_t patch_px,
                                         const v1::PictureOptions& options, v1::Picture* picture) {
  VITOK_ASSIGN_OR_RETURN(const at::Tensor pixels_3HW, PatchesToPixels(patches, patch_px));
  picture->set_height_px(patches.geometry.height_px);
  picture->set_width_px(patches.geometry.width_px);
  switch (options.format()) {
    case v1::PIXEL_FORMAT_FLOAT16: return WriteLargeTensor(pixels_3HW, DType::kFloat16, picture->mutable_tensor());
    case v1::PIXEL_FORMAT_BFLOAT16: return WriteLargeTensor(pixels_3HW, DType::kBfloat16, picture->mutable_tensor());
    case v1::PIXEL_FORMAT_FLOAT32: return WriteLargeTensor(pixels_3HW, DType::kFloat32, picture->mutable_tensor());
    case v1::PIXEL_FORMAT_PNG: return WriteFile(ToRgbImage(pixels_3HW), ImageFormat::kPng, options.quality());
    case v1::PIXEL_FORMAT_JPEG: return WriteFile(ToRgbImage(pixels_3HW), ImageFormat::kJpeg, options.quality());
    case v1::PIXEL_FORMAT_WEBP: return WriteFile(ToRgbImage(pixels_3HW), ImageFormat::kWebp, options.quality());
    default: return WritePixels(ToRgbImage(pixels_3HW), picture->mutable_tensor());
  }
}

}  // namespace vitok
