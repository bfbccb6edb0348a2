// The operations on pictures: center_crop, resize_longest_side, and what random_resized_crop and flip come to.
#include <algorithm>
#include <cmath>

#include "core/base/str_cat.h"
#include "core/image/resample.h"
#include "core/image/transforms.h"

namespace vitok {
namespace {

// Round half to even, as Python's round().
int64_t RoundHalfToEven(double value) { return static_cast<int64_t>(std::nearbyint(value)); }

}  // namespace

absl::StatusOr<SizePx> ResizedSize(const ResizeLongestSideOp& op, SizePx size) {
  const int64_t longest = std::max(size.height, size.width);
  if (longest <= op.max_size_px) return size;
  const double scale = static_cast<double>(op.max_size_px) / static_cast<double>(longest);
  const SizePx resized{RoundHalfToEven(static_cast<double>(size.height) * scale),
                       RoundHalfToEven(static_cast<double>(size.width) * scale)};
  if (resized.height < 1 || resized.width < 1) {
    return absl::InvalidArgumentError(StrCat("resize_longest_side(", op.max_size_px, ") would make an image of ",
                                             size.width, " x ", size.height, " px ", resized.width, " x ",
                                             resized.height, " px"));
  }
  return resized;
}

absl::StatusOr<RgbImage> ResizeToLongestSide(const ResizeLongestSideOp& op, RgbView image) {
  const absl::StatusOr<SizePx> size = ResizedSize(op, {image.height_px, image.width_px});
  if (!size.ok()) return size.status();
  return Resample(image, ResampleFilter::kLanczos, static_cast<int32_t>(size->height),
                  static_cast<int32_t>(size->width));
}

RgbImage CropToCenter(const CenterCropOp& op, RgbView image) {
  RgbView source = image;
  RgbImage halved;
  while (std::min(source.height_px, source.width_px) >= int64_t{2} * op.size_px) {
    halved = Resample(source, ResampleFilter::kBox, source.height_px / 2, source.width_px / 2);
    source = halved;
  }
  const double scale = static_cast<double>(op.size_px) / std::min(source.height_px, source.width_px);
  const int64_t height = RoundHalfToEven(source.height_px * scale);
  const int64_t width = RoundHalfToEven(source.width_px * scale);
  const PixelWindow window{(height - op.size_px) / 2, (width - op.size_px) / 2, op.size_px, op.size_px};
  return ResampleWindow(source, ResampleFilter::kBicubic, height, width, window);
}

RgbImage CropAndResize(const CropAndResizeOp& op, RgbView image) {
  return ResampleBox(image, op.box, ResampleFilter::kLanczos, op.height_px, op.width_px);
}

RgbImage MirrorImage(RgbView image) {
  constexpr int64_t kChannels = 3;
  RgbImage mirrored(image.height_px, image.width_px);
  const int64_t row_bytes = image.width_px * kChannels;
  for (int64_t y = 0; y < image.height_px; ++y) {
    const uint8_t* in = image.pixels_HWC + y * row_bytes;
    uint8_t* out = mirrored.pixels_HWC.data() + (y + 1) * row_bytes - kChannels;
    for (int64_t x = 0; x < image.width_px; ++x, in += kChannels, out -= kChannels) std::copy_n(in, kChannels, out);
  }
  return mirrored;
}

}  // namespace vitok
