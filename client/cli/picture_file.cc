#include "client/cli/picture_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "client/cli/file_plan.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

void Paste(const RgbImage& picture, int32_t left_px, RgbImage* canvas) {
  const size_t row_bytes = size_t{3} * picture.width_px;
  for (int32_t y = 0; y < picture.height_px; ++y) {
    std::memcpy(canvas->pixels_HWC.data() + (size_t{3} * y * canvas->width_px) + size_t{3} * left_px,
                picture.pixels_HWC.data() + y * row_bytes, row_bytes);
  }
}

}  // namespace

void AddPictureFileOptions(CLI::App& command, PictureFileOptions* options) {
  command
      .add_option("--format", options->format, "Format of the pictures; default: by the suffix of OUT, in a folder png")
      ->check(CLI::IsMember({"png", "jpg", "jpeg", "webp"}));
  command.add_option("--quality", options->quality, "Quality of JPEG and WebP, 1 to 100; WebP 101: lossless")
      ->check(CLI::Range(1, 101))
      ->capture_default_str();
}

std::string PictureExtension(const PictureFileOptions& options) {
  return options.format.empty() ? "png" : options.format;
}

absl::StatusOr<ImageFormat> PictureFormat(const PictureFileOptions& options, const std::string& path) {
  const std::string name = options.format.empty() ? ExtensionOf(path) : options.format;
  if (name == "png") return ImageFormat::kPng;
  if (name == "jpg" || name == "jpeg") return ImageFormat::kJpeg;
  if (name == "webp") return ImageFormat::kWebp;
  return absl::InvalidArgumentError(
      StrCat("output ", path, " must end in .png, .jpg, .jpeg or .webp, or --format must name the format"));
}

absl::StatusOr<RgbImage> ToRgbImage(Picture picture) {
  const auto* const pixels = std::get_if<HostTensor>(&picture.content);
  if (pixels == nullptr || pixels->dtype != DType::kUint8 ||
      pixels->shape != std::vector<int64_t>{picture.height_px, picture.width_px, 3}) {
    return absl::InternalError(StrCat("the server's reply is malformed: asked for a uint8 tensor [", picture.height_px,
                                      ", ", picture.width_px, ", 3], got something else"));
  }
  RgbImage image(picture.height_px, picture.width_px);
  std::memcpy(image.pixels_HWC.data(), pixels->data.data(), image.pixels_HWC.size());
  return image;
}

RgbImage SideBySide(const RgbImage& left, const RgbImage& right) {
  RgbImage canvas(std::max(left.height_px, right.height_px), left.width_px + right.width_px);
  std::fill(canvas.pixels_HWC.begin(), canvas.pixels_HWC.end(), uint8_t{255});
  Paste(left, 0, &canvas);
  Paste(right, left.width_px, &canvas);
  return canvas;
}

}  // namespace vitok
