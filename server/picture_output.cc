#include "server/picture_output.h"

#include <optional>
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

// nullopt for the formats that are no floats.
std::optional<DType> FloatType(v1::PixelFormat format) {
  switch (format) {
    case v1::PIXEL_FORMAT_FLOAT32: return DType::kFloat32;
    case v1::PIXEL_FORMAT_FLOAT16: return DType::kFloat16;
    case v1::PIXEL_FORMAT_BFLOAT16: return DType::kBfloat16;
    default: return std::nullopt;
  }
}

// nullopt for the formats that are no files.
std::optional<ImageFormat> FileFormat(v1::PixelFormat format) {
  switch (format) {
    case v1::PIXEL_FORMAT_PNG: return ImageFormat::kPng;
    case v1::PIXEL_FORMAT_JPEG: return ImageFormat::kJpeg;
    case v1::PIXEL_FORMAT_WEBP: return ImageFormat::kWebp;
    default: return std::nullopt;
  }
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

bool IsFileFormat(const v1::PictureOptions& options) { return FileFormat(options.format()).has_value(); }

OutputForm OutputFormOf(const v1::PictureOptions& options) {
  return FloatType(options.format()).has_value() ? OutputForm::kPatches : OutputForm::kPicture;
}

absl::StatusOr<WrittenValue> WritePicture(const TokenizerOutput& output, int64_t patch_px,
                                          const v1::PictureOptions& options, v1::Picture* picture) {
  if (const std::optional<DType> dtype = FloatType(options.format())) {
    const auto& patches = std::get<PatchSequence>(output);
    VITOK_ASSIGN_OR_RETURN(const at::Tensor pixels_3HW, PatchesToPixels(patches, patch_px, ToScalarType(*dtype)));
    picture->set_height_px(patches.geometry.height_px);
    picture->set_width_px(patches.geometry.width_px);
    WrittenValue value = WriteLargeTensor(pixels_3HW, *dtype, picture->mutable_tensor());
    value.copied_bytes = static_cast<int64_t>(value.bytes.size());
    value.finite = AllFinite(patches.patches_ND);
    return value;
  }
  const auto& decoded = std::get<DecodedPicture>(output);
  const at::Tensor& pixels_HW3 = decoded.pixels_HW3;
  picture->set_height_px(static_cast<int32_t>(pixels_HW3.size(0)));
  picture->set_width_px(static_cast<int32_t>(pixels_HW3.size(1)));
  if (const std::optional<ImageFormat> format = FileFormat(options.format())) {
    const RgbView image = {picture->height_px(), picture->width_px(), pixels_HW3.const_data_ptr<uint8_t>()};
    VITOK_ASSIGN_OR_RETURN(std::string file, EncodeImage(image, {.format = *format, .quality = options.quality()}));
    return WrittenValue{.bytes = ToSlice(std::move(file)), .finite = decoded.finite};
  }
  WrittenValue value = WriteLargeTensor(pixels_HW3, DType::kUint8, picture->mutable_tensor());
  value.finite = decoded.finite;
  return value;
}

}  // namespace vitok
