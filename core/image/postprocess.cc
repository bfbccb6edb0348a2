#include "core/image/postprocess.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/base/str_cat.h"

// Shape letters: core/tokens/packed_tokens.h; H, W pixels of the picture.
namespace vitok {
namespace {

constexpr int64_t kChannels = 3;

absl::Status CheckGeometry(const PatchSequence& patches, int64_t patch_px) {
  const ImageGeometry& geometry = patches.geometry;
  const int64_t grid_height = geometry.grid_rows * patch_px, grid_width = geometry.grid_cols * patch_px;
  if (geometry.height_px < 1 || geometry.width_px < 1 || geometry.height_px > grid_height ||
      geometry.width_px > grid_width) {
    return absl::InvalidArgumentError(StrCat("image of ", geometry.width_px, " x ", geometry.height_px,
                                             " px must lie within its grid of ", geometry.grid_cols, " x ",
                                             geometry.grid_rows, " patches of ", patch_px, " px"));
  }
  if (patches.patches_ND.dim() != 2 || patches.patches_ND.size(1) != kChannels * patch_px * patch_px) {
    return absl::InvalidArgumentError(
        StrCat("patches must have ", kChannels * patch_px * patch_px, " values (3 x ", patch_px, " x ", patch_px,
               "); had ", patches.patches_ND.dim() == 2 ? patches.patches_ND.size(1) : patches.patches_ND.numel()));
  }
  const int64_t tokens = patches.patches_ND.size(0);
  if (patches.row_N.numel() != tokens || patches.col_N.numel() != tokens) {
    return absl::InvalidArgumentError(StrCat("rows and columns must be as many as the ", tokens, " patches; were ",
                                             patches.row_N.numel(), " and ", patches.col_N.numel()));
  }
  return absl::OkStatus();
}

// Every token in a cell of its own.
absl::Status CheckCells(const int32_t* rows, const int32_t* cols, int64_t tokens, const ImageGeometry& geometry) {
  std::vector<bool> taken(int64_t{geometry.grid_rows} * geometry.grid_cols);
  for (int64_t token = 0; token < tokens; ++token) {
    const int64_t row = rows[token], col = cols[token];
    if (row < 0 || row >= geometry.grid_rows || col < 0 || col >= geometry.grid_cols) {
      return absl::InvalidArgumentError(StrCat("token ", token, " lies at row ", row, ", column ", col,
                                               "; the grid has ", geometry.grid_rows, " rows and ", geometry.grid_cols,
                                               " columns"));
    }
    const int64_t cell = row * geometry.grid_cols + col;
    if (taken[cell]) {
      return absl::InvalidArgumentError(
          StrCat("token ", token, " lies at row ", row, ", column ", col, ", where another token lies already"));
    }
    taken[cell] = true;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PixelRange> ParsePixelRange(std::string_view name) {
  if (name == "minus_one_to_one") return PixelRange::kMinusOneToOne;
  if (name == "zero_to_one") return PixelRange::kZeroToOne;
  if (name == "0_255") return PixelRange::kZeroTo255;
  return absl::InvalidArgumentError(
      StrCat("pixel range must be one of minus_one_to_one, zero_to_one, 0_255; was '", name, "'"));
}

absl::StatusOr<at::Tensor> PatchesToPixels(const PatchSequence& patches, int64_t patch_px) {
  if (const absl::Status status = CheckGeometry(patches, patch_px); !status.ok()) return status;
  const int64_t height = patches.geometry.height_px, width = patches.geometry.width_px;
  const int64_t grid_rows = patches.geometry.grid_rows, grid_cols = patches.geometry.grid_cols;
  const at::Tensor patches_ND = patches.patches_ND.to(at::kFloat).contiguous();
  const at::Tensor row_N = patches.row_N.to(at::kInt).contiguous(), col_N = patches.col_N.to(at::kInt).contiguous();
  const int64_t tokens = patches_ND.size(0);
  const int32_t *rows = row_N.data_ptr<int32_t>(), *cols = col_N.data_ptr<int32_t>();
  if (const absl::Status status = CheckCells(rows, cols, tokens, patches.geometry); !status.ok()) return status;
  at::Tensor pixels_3HW = tokens < grid_rows * grid_cols ? at::zeros({kChannels, height, width}, at::kFloat)
                                                         : at::empty({kChannels, height, width}, at::kFloat);
  const float* in = patches_ND.data_ptr<float>();
  float* const pixels = pixels_3HW.data_ptr<float>();
  for (int64_t token = 0; token < tokens; ++token) {
    const int64_t top = rows[token] * patch_px, left = cols[token] * patch_px;
    const int64_t copied_width = std::min(patch_px, width - left), copied_height = std::min(patch_px, height - top);
    for (int64_t channel = 0; channel < kChannels; ++channel, in += patch_px * patch_px) {
      for (int64_t y = 0; y < copied_height && copied_width > 0; ++y) {
        std::memcpy(pixels + (channel * height + top + y) * width + left, in + y * patch_px,
                    copied_width * sizeof(float));
      }
    }
  }
  return pixels_3HW;
}

at::Tensor ConvertPixelRange(const at::Tensor& pixels, PixelRange from, PixelRange to) {
  if (from == to) return pixels;
  const at::Tensor values = pixels.to(at::kFloat);
  if (from == PixelRange::kMinusOneToOne) {
    const at::Tensor clamped = values.clamp(-1.0, 1.0);
    if (to == PixelRange::kZeroToOne) return (clamped + 1.0).div_(2.0);
    return (clamped + 1.0).mul_(127.5).round_().to(at::kByte);
  }
  if (from == PixelRange::kZeroToOne) {
    const at::Tensor clamped = values.clamp(0.0, 1.0);
    if (to == PixelRange::kMinusOneToOne) return clamped.mul(2.0).sub_(1.0);
    return clamped.mul(255.0).round_().to(at::kByte);
  }
  const at::Tensor clamped = values.clamp(0.0, 255.0);
  if (to == PixelRange::kMinusOneToOne) return clamped.div(127.5).sub_(1.0);
  return clamped.div(255.0);
}

RgbImage ToRgbImage(const at::Tensor& pixels_3HW) {
  const at::Tensor values_3HW = pixels_3HW.to(at::kFloat).contiguous();
  const int64_t count = values_3HW.size(1) * values_3HW.size(2);
  RgbImage image(static_cast<int32_t>(values_3HW.size(1)), static_cast<int32_t>(values_3HW.size(2)));
  const float* red = values_3HW.data_ptr<float>();
  const float* green = red + count;
  const float* blue = green + count;
  uint8_t* out = image.pixels_HWC.data();
  // Adding 1.5 * 2^23 leaves the value, rounded half to even, in the low bits of the float.
  const auto to_byte = [](float value) {
    constexpr float kRoundToInteger = 12582912.0f;
    const float clamped = value < -1.0f ? -1.0f : value > 1.0f ? 1.0f : value;
    return static_cast<uint8_t>(std::bit_cast<uint32_t>((clamped + 1.0f) * 127.5f + kRoundToInteger));
  };
  for (int64_t i = 0; i < count; ++i) {
    out[3 * i] = to_byte(red[i]);
    out[3 * i + 1] = to_byte(green[i]);
    out[3 * i + 2] = to_byte(blue[i]);
  }
  return image;
}

}  // namespace vitok
