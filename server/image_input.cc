#include "server/image_input.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/dtype.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "core/model/pixel_sequences.h"
#include "server/patch_dict_input.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"

namespace vitok {
namespace {

absl::Status CheckPixels(std::string_view field, int64_t height_px, int64_t width_px, int64_t max_pixels) {
  if (height_px <= max_pixels / width_px) return absl::OkStatus();
  return FieldError(field, StrCat("must have at most ", max_pixels, " pixels (max_image_pixels); was ", width_px, " x ",
                                  height_px, " = ", height_px * width_px));
}

absl::Status CheckTokens(std::string_view field, int64_t tokens, int64_t max_tokens) {
  if (tokens <= max_tokens) return absl::OkStatus();
  return FieldError(field, StrCat("must have at most ", max_tokens, " tokens (max_image_tokens); was ", tokens));
}

struct RawSize {
  int32_t height_px = 0;
  int32_t width_px = 0;
};

absl::StatusOr<RawSize> CheckRaw(std::string_view field, const v1::Tensor& raw, int64_t max_pixels) {
  if (raw.dtype() != v1::DTYPE_UINT8) {
    VITOK_ASSIGN_OR_RETURN(const DType dtype, FromProto(StrCat(field, ".dtype"), raw.dtype()));
    return FieldError(StrCat(field, ".dtype"), StrCat("must be uint8; was ", DTypeName(dtype)));
  }
  VITOK_RETURN_IF_ERROR(CheckTensor(field, raw));
  if (raw.shape_size() != 3 || raw.shape(2) != 3 || raw.shape(0) == 0 || raw.shape(1) == 0) {
    return FieldError(StrCat(field, ".shape"),
                      StrCat("must be [H, W, 3] with H and W of at least 1; was ", ShapeText(raw)));
  }
  VITOK_RETURN_IF_ERROR(CheckPixels(StrCat(field, ".shape"), raw.shape(0), raw.shape(1), max_pixels));
  return RawSize{static_cast<int32_t>(raw.shape(0)), static_cast<int32_t>(raw.shape(1))};
}

absl::StatusOr<int64_t> CountEncodedTokens(std::string_view field, const std::string& file,
                                           const ImageReading& reading) {
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(file);
  if (!header.ok()) return AtField(field, header.status());
  const int32_t height_px = header->height_px;
  const int32_t width_px = header->width_px;
  if (height_px < 1 || width_px < 1) {
    return FieldError(field, StrCat("must have a width and height of at least 1; was ", width_px, " x ", height_px));
  }
  VITOK_RETURN_IF_ERROR(CheckPixels(field, height_px, width_px, reading.max_pixels));
  const absl::StatusOr<int64_t> upright = reading.preprocessor->CountTokens(height_px, width_px);
  const absl::StatusOr<int64_t> turned = reading.preprocessor->CountTokens(width_px, height_px);
  if (!upright.ok() && !turned.ok()) return AtField(field, upright.status());
  const int64_t fewest = std::min(upright.ok() ? *upright : *turned, turned.ok() ? *turned : *upright);
  VITOK_RETURN_IF_ERROR(CheckTokens(field, fewest, reading.max_tokens));
  return std::max(upright.value_or(0), turned.value_or(0));
}

// An RgbView stays a view; pixels of an RgbImage that is given away are kept by the result.
template <typename Image>
absl::StatusOr<TokenizerInput> Preprocess(std::string_view field, Image image, const ImageReading& reading) {
  if (const std::optional<NormalizeMode> mode = reading.preprocessor->pixel_mode()) {
    absl::StatusOr<at::Tensor> pixels_HW3 = reading.preprocessor->RunOnPixels(std::move(image));
    if (!pixels_HW3.ok()) return AtField(field, pixels_HW3.status());
    PixelImage pixels = {*std::move(pixels_HW3), *mode};
    VITOK_RETURN_IF_ERROR(CheckTokens(field, GeometryOf(pixels, reading.model->patch_px).cells(), reading.max_tokens));
    return pixels;
  }
  absl::StatusOr<PatchSequence> patches = reading.preprocessor->Run(image);
  if (!patches.ok()) return AtField(field, patches.status());
  VITOK_RETURN_IF_ERROR(CheckTokens(field, patches->patches_ND.size(0), reading.max_tokens));
  return *std::move(patches);
}

}  // namespace

absl::StatusOr<int64_t> CountImageTokens(std::string_view field, const v1::ImageInput& image,
                                         const ImageReading& reading) {
  switch (image.input_case()) {
    case v1::ImageInput::kEncoded: return CountEncodedTokens(StrCat(field, ".encoded"), image.encoded(), reading);
    case v1::ImageInput::kRaw: {
      const std::string raw_field = StrCat(field, ".raw");
      VITOK_ASSIGN_OR_RETURN(const RawSize size, CheckRaw(raw_field, image.raw(), reading.max_pixels));
      const absl::StatusOr<int64_t> tokens = reading.preprocessor->CountTokens(size.height_px, size.width_px);
      if (!tokens.ok()) return AtField(raw_field, tokens.status());
      VITOK_RETURN_IF_ERROR(CheckTokens(raw_field, *tokens, reading.max_tokens));
      return tokens;
    }
    case v1::ImageInput::kPatches: {
      const std::string patches_field = StrCat(field, ".patches");
      VITOK_ASSIGN_OR_RETURN(const int64_t tokens, CountPatchDictTokens(patches_field, image.patches()));
      VITOK_RETURN_IF_ERROR(CheckTokens(patches_field, tokens, reading.max_tokens));
      return tokens;
    }
    case v1::ImageInput::INPUT_NOT_SET: break;
  }
  return FieldError(field, "must hold an image: encoded, raw or patches; was empty");
}

absl::StatusOr<TokenizerInput> ReadImage(std::string_view field, const v1::ImageInput& image,
                                         const ImageReading& reading) {
  switch (image.input_case()) {
    case v1::ImageInput::kEncoded: {
      const std::string encoded_field = StrCat(field, ".encoded");
      absl::StatusOr<RgbImage> pixels = DecodeImage(image.encoded(), {.max_pixels = reading.max_pixels});
      if (!pixels.ok()) return AtField(encoded_field, pixels.status());
      return Preprocess(encoded_field, *std::move(pixels), reading);
    }
    case v1::ImageInput::kRaw: {
      const std::string raw_field = StrCat(field, ".raw");
      VITOK_ASSIGN_OR_RETURN(const RawSize size, CheckRaw(raw_field, image.raw(), reading.max_pixels));
      const auto* pixels = reinterpret_cast<const uint8_t*>(image.raw().data().data());
      return Preprocess(raw_field, RgbView(size.height_px, size.width_px, pixels), reading);
    }
    case v1::ImageInput::kPatches:
      return ReadPatchDict(StrCat(field, ".patches"), image.patches(), *reading.model, reading.allow_nonfinite);
    case v1::ImageInput::INPUT_NOT_SET: break;
  }
  return FieldError(field, "must hold an image: encoded, raw or patches; was empty");
}

}  // namespace vitok
