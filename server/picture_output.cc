#include "server/picture_output.h"

#include <string>
#include <utility>

#include "core/base/dtype.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/tensor_check.h"
#include "core/image/codec.h"
#include "core/image/postprocess.h"
#include "server/reply_bytes.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"

namespace vitok {
namespace {

constexpr int32_t kDefaultQuality = 95;

// REQUIRES: one of the three.
DType FloatType(v1::PixelFormat format) {
  switch (format) {
    case v1::PIXEL_FORMAT_FLOAT16: return DType::kFloat16;
    case v1::PIXEL_FORMAT_BFLOAT16: return DType::kBfloat16;
    default: return DType::kFloat32;
  }
}

absl::StatusOr<grpc::Slice> WriteFloats(const PatchSequence& patches, int64_t patch_px, DType dtype,
                                        v1::Tensor* tensor) {
  VITOK_ASSIGN_OR_RETURN(const at::Tensor pixels_3HW, PatchesToPixels(patches, patch_px, ToScalarType(dtype)));
  return WriteLargeTensor(pixels_3HW, dtype, tensor);
}

absl::StatusOr<grpc::Slice> WriteBytes(const PatchSequence& patches, int64_t patch_px, v1::Tensor* tensor,
                                       bool* finite) {
  VITOK_ASSIGN_OR_RETURN(const at::Tensor pixels_HW3, PatchesToBytes(patches, patch_px, finite));
  return WriteLargeTensor(pixels_HW3, DType::kUint8, tensor);
}

absl::StatusOr<grpc::Slice> WriteFile(const PatchSequence& patches, int64_t patch_px, ImageFormat format, int quality,
                                      bool* finite) {
  VITOK_ASSIGN_OR_RETURN(const RgbImage image, PatchesToRgbImage(patches, patch_px, finite));
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

bool IsFileFormat(const v1::PictureOptions& options) {
  return options.format() == v1::PIXEL_FORMAT_PNG || options.format() == v1::PIXEL_FORMAT_JPEG ||
         options.format() == v1::PIXEL_FORMAT_WEBP;
}

absl::StatusOr<grpc::Slice> WritePicture(const PatchSequence& patches, int64_t patch_px,
                                         const v1::PictureOptions& options, v1::Picture* picture, bool* finite) {
  picture->set_height_px(patches.geometry.height_px);
  picture->set_width_px(patches.geometry.width_px);
  const int quality = options.quality();
  switch (options.format()) {
    case v1::PIXEL_FORMAT_PNG: return WriteFile(patches, patch_px, ImageFormat::kPng, quality, finite);
    case v1::PIXEL_FORMAT_JPEG: return WriteFile(patches, patch_px, ImageFormat::kJpeg, quality, finite);
    case v1::PIXEL_FORMAT_WEBP: return WriteFile(patches, patch_px, ImageFormat::kWebp, quality, finite);
    case v1::PIXEL_FORMAT_FLOAT16:
    case v1::PIXEL_FORMAT_BFLOAT16:
    case v1::PIXEL_FORMAT_FLOAT32:
      *finite = AllFinite(patches.patches_ND);
      return WriteFloats(patches, patch_px, FloatType(options.format()), picture->mutable_tensor());
    default: return WriteBytes(patches, patch_px, picture->mutable_tensor(), finite);
  }
}

}  // namespace vitok
