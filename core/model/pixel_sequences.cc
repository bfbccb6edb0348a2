#include "core/model/pixel_sequences.h"

#include <algorithm>
#include <numeric>

#include "core/ops/pixel_patches.h"

namespace vitok {
namespace {

constexpr int64_t kChannels = 3;

// One span as the op takes them.
at::Tensor AsTensor(PixelSpan& span) { return at::from_blob(&span, {sizeof(PixelSpan)}, at::kByte); }

}  // namespace

ImageGeometry GeometryOf(const PixelImage& image, int64_t patch_px) {
  const int64_t height_px = image.pixels_HW3.size(0), width_px = image.pixels_HW3.size(1);
  return {static_cast<int32_t>(height_px), static_cast<int32_t>(width_px),
          static_cast<int32_t>((height_px + patch_px - 1) / patch_px),
          static_cast<int32_t>((width_px + patch_px - 1) / patch_px)};
}

TokenPositions RasterPositions(const ImageGeometry& geometry, int64_t padding) {
  const int64_t tokens = geometry.cells() + padding;
  TokenPositions positions = {at::empty({tokens}, at::kInt), at::empty({tokens}, at::kInt)};
  auto* row = positions.row_N.mutable_data_ptr<int32_t>();
  auto* col = positions.col_N.mutable_data_ptr<int32_t>();
  for (int32_t r = 0; r < geometry.grid_rows; ++r, row += geometry.grid_cols, col += geometry.grid_cols) {
    std::fill_n(row, geometry.grid_cols, r);
    std::iota(col, col + geometry.grid_cols, 0);
  }
  std::fill_n(row, padding, 0);
  std::fill_n(col, padding, 0);
  return positions;
}

PixelSpan SpanOf(const ImageGeometry& geometry, int64_t first_token) {
  return {.first_token = static_cast<int32_t>(first_token),
          .height_px = geometry.height_px,
          .width_px = geometry.width_px,
          .grid_rows = geometry.grid_rows,
          .grid_cols = geometry.grid_cols};
}

PatchSequence ToPatches(const PixelImage& image, int64_t patch_px) {
  const ImageGeometry geometry = GeometryOf(image, patch_px);
  const int64_t tokens = geometry.cells();
  PatchSequence patches = {at::empty({tokens, kChannels * patch_px * patch_px}, at::kFloat),
                           at::empty({tokens}, at::kInt), at::empty({tokens}, at::kInt), geometry};
  PixelSpan span = SpanOf(geometry, 0);
  span.first_byte = 0;
  span.normalize = image.normalize;
  BytesToPatches(image.pixels_HW3, AsTensor(span), patch_px, patches.patches_ND, patches.row_N, patches.col_N);
  return patches;
}

DecodedPicture ToPicture(const PatchSequence& patches, int64_t patch_px) {
  PixelSpan span = SpanOf(patches.geometry, 0);
  span.first_byte = 0;
  DecodedPicture picture = {at::empty({span.height_px, span.width_px, kChannels}, at::kByte)};
  at::Tensor finite_I = at::empty({1}, at::kBool);
  PatchesToBytes(patches.patches_ND.contiguous(), patches.row_N.contiguous(), patches.col_N.contiguous(),
                 AsTensor(span), patch_px, picture.pixels_HW3, finite_I);
  picture.finite = finite_I.item<bool>();
  return picture;
}

}  // namespace vitok
