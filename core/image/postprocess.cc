#include "core/image/postprocess.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/base/status_macros.h"
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
  std::vector<bool> taken(geometry.cells());
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

// Patches that passed all checks, C-contiguous.
struct CheckedPatches {
  at::Tensor patches_ND;
  at::Tensor row_N;
  at::Tensor col_N;
  bool fill_grid = false;  // no cell lacks its token

  const int32_t* rows() const { return row_N.const_data_ptr<int32_t>(); }
  const int32_t* cols() const { return col_N.const_data_ptr<int32_t>(); }
};

absl::StatusOr<CheckedPatches> CheckPatches(const PatchSequence& patches, int64_t patch_px) {
  VITOK_RETURN_IF_ERROR(CheckGeometry(patches, patch_px));
  CheckedPatches checked = {patches.patches_ND.contiguous(), patches.row_N.to(at::kInt).contiguous(),
                            patches.col_N.to(at::kInt).contiguous()};
  const int64_t tokens = checked.patches_ND.size(0);
  VITOK_RETURN_IF_ERROR(CheckCells(checked.rows(), checked.cols(), tokens, patches.geometry));
  checked.fill_grid = tokens == patches.geometry.cells();
  return checked;
}

// memcpy of a few dozen bytes, inlined.
void CopyRow(const char* in, int64_t bytes, char* out) {
  constexpr int64_t kStep = 16;
  int64_t i = 0;
  for (; i + kStep <= bytes; i += kStep) std::memcpy(out + i, in + i, kStep);
  for (; i < bytes; ++i) out[i] = in[i];
}

// Values of any type to their places in `pixels_3HW`.
void PlaceValues(const CheckedPatches& patches, int64_t patch_px, const at::Tensor& pixels_3HW) {
  const int64_t height = pixels_3HW.size(1), width = pixels_3HW.size(2), value_bytes = pixels_3HW.element_size();
  const char* in = static_cast<const char*>(patches.patches_ND.const_data_ptr());
  char* const pixels = static_cast<char*>(pixels_3HW.mutable_data_ptr());
  for (int64_t token = 0; token < patches.patches_ND.size(0); ++token) {
    const int64_t top = patches.rows()[token] * patch_px, left = patches.cols()[token] * patch_px;
    const int64_t copied_width = std::min(patch_px, width - left), copied_height = std::min(patch_px, height - top);
    for (int64_t channel = 0; channel < kChannels; ++channel, in += patch_px * patch_px * value_bytes) {
      for (int64_t y = 0; y < copied_height && copied_width > 0; ++y) {
        CopyRow(in + y * patch_px * value_bytes, copied_width * value_bytes,
                pixels + ((channel * height + top + y) * width + left) * value_bytes);
      }
    }
  }
}

}  // namespace

absl::StatusOr<PixelRange> ParsePixelRange(std::string_view name) {
  if (name == "minus_one_to_one") return PixelRange::kMinusOneToOne;
  if (name == "zero_to_one") return PixelRange::kZeroToOne;
  if (name == "0_255") return PixelRange::kZeroTo255;
  return absl::InvalidArgumentError(
      StrCat("pixel range must be one of minus_one_to_one, zero_to_one, 0_255; was '", name, "'"));
}

absl::StatusOr<at::Tensor> PatchesToPixels(const PatchSequence& patches, int64_t patch_px, at::ScalarType dtype) {
  VITOK_ASSIGN_OR_RETURN(CheckedPatches checked, CheckPatches(patches, patch_px));
  // Converted first: that is the smaller half of the way to a smaller type.
  checked.patches_ND = checked.patches_ND.to(dtype);
  const std::array<int64_t, 3> shape = {kChannels, patches.geometry.height_px, patches.geometry.width_px};
  const at::Tensor pixels_3HW = checked.fill_grid ? at::empty(shape, dtype) : at::zeros(shape, dtype);
  PlaceValues(checked, patch_px, pixels_3HW);
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

}  // namespace vitok
