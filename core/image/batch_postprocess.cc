#include "core/image/batch_postprocess.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

constexpr int64_t kChannels = 3;

struct Grid {
  int64_t rows = 0, cols = 0;
};

// The cell of each token in the cells of the whole batch, int64 [T] on the host.
absl::StatusOr<at::Tensor> CellsOf(const TokenLayout& layout, const at::Tensor& row_T, const at::Tensor& col_T,
                                   Grid grid) {
  const auto* const rows = row_T.const_data_ptr<int64_t>();
  const auto* const cols = col_T.const_data_ptr<int64_t>();
  at::Tensor cell_T = at::empty({layout.num_tokens()}, at::kLong);
  auto* const cells = cell_T.mutable_data_ptr<int64_t>();
  std::vector<bool> taken(layout.num_images() * grid.rows * grid.cols);
  for (int64_t image = 0; image < layout.num_images(); ++image) {
    for (int64_t token = layout.offsets[image]; token < layout.offsets[image + 1]; ++token) {
      const int64_t row = rows[token], col = cols[token];
      const auto refuse = [&](const std::string& reason) {
        return absl::InvalidArgumentError(StrCat("token ", token - layout.offsets[image], " of image ", image,
                                                 " lies at row ", row, ", column ", col, reason));
      };
      if (row < 0 || row >= grid.rows || col < 0 || col >= grid.cols) {
        return refuse(StrCat("; the canvas has ", grid.rows, " rows and ", grid.cols, " columns"));
      }
      cells[token] = (image * grid.rows + row) * grid.cols + col;
      if (taken[cells[token]]) return refuse(", where another token lies already");
      taken[cells[token]] = true;
    }
  }
  return cell_T;
}

}  // namespace

absl::StatusOr<at::Tensor> UnpatchifyBatch(const PackedPatches& patches, int64_t patch_px,
                                           std::optional<int64_t> max_grid_size) {
  const int64_t patch_values = kChannels * patch_px * patch_px;
  if (patches.patches_TD.size(1) != patch_values) {
    return absl::InvalidArgumentError(StrCat("patches must have ", patch_values, " values (3 x ", patch_px, " x ",
                                             patch_px, "); had ", patches.patches_TD.size(1)));
  }
  const TokenLayout& layout = patches.layout;
  const at::Tensor row_T = layout.row_T.to(at::kCPU, at::kLong).contiguous();
  const at::Tensor col_T = layout.col_T.to(at::kCPU, at::kLong).contiguous();
  Grid grid = {max_grid_size.value_or(0), max_grid_size.value_or(0)};
  if (!max_grid_size.has_value()) grid = {row_T.max().item<int64_t>() + 1, col_T.max().item<int64_t>() + 1};
  VITOK_ASSIGN_OR_RETURN(const at::Tensor cell_T, CellsOf(layout, row_T, col_T, grid));
  const int64_t images = layout.num_images();
  const at::Tensor cells_CD = at::zeros({images * grid.rows * grid.cols, patch_values}, patches.patches_TD.options());
  return cells_CD.index_copy(0, cell_T.to(patches.patches_TD.device()), patches.patches_TD)
      .view({images, grid.rows, grid.cols, kChannels, patch_px, patch_px})
      .permute({0, 3, 1, 4, 2, 5})
      .reshape({images, kChannels, grid.rows * patch_px, grid.cols * patch_px});
}

absl::StatusOr<std::vector<at::Tensor>> UnpackImages(const at::Tensor& images_I3HW,
                                                     absl::Span<const ImageGeometry> sizes) {
  if (images_I3HW.size(0) != static_cast<int64_t>(sizes.size())) {
    return absl::InvalidArgumentError(
        StrCat("sizes must be as many as the ", images_I3HW.size(0), " images; were ", sizes.size()));
  }
  const int64_t height = images_I3HW.size(2), width = images_I3HW.size(3);
  std::vector<at::Tensor> images;
  for (const ImageGeometry& size : sizes) {
    if (size.height_px < 1 || size.width_px < 1 || size.height_px > height || size.width_px > width) {
      return absl::InvalidArgumentError(StrCat("image ", images.size(), " of ", size.width_px, " x ", size.height_px,
                                               " px must lie within its canvas of ", width, " x ", height, " px"));
    }
    const at::Tensor image_3HW = images_I3HW.select(0, static_cast<int64_t>(images.size()));
    images.push_back(image_3HW.narrow(1, 0, size.height_px).narrow(2, 0, size.width_px));
  }
  return images;
}

absl::StatusOr<std::vector<at::Tensor>> PostprocessBatch(const PackedPatches& patches, int64_t patch_px,
                                                         const PostprocessOptions& options) {
  VITOK_ASSIGN_OR_RETURN(at::Tensor images_I3HW, UnpatchifyBatch(patches, patch_px, options.max_grid_size));
  images_I3HW = ConvertPixelRange(images_I3HW, options.from, options.to);
  if (!options.unpack) return images_I3HW.unbind(0);
  return UnpackImages(images_I3HW, patches.layout.images);
}

}  // namespace vitok
