#include "server/token_grid.h"

#include <algorithm>
#include <vector>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/status_details.h"

namespace vitok {
namespace {

// INVALID_ARGUMENT unless every index is in [0, size); size 0: no upper bound.
absl::Status CheckIndices(std::string_view field, const at::Tensor& index_N, int64_t size) {
  const int32_t* index = index_N.const_data_ptr<int32_t>();
  for (int64_t i = 0; i < index_N.numel(); ++i) {
    if (index[i] < 0 || (size > 0 && index[i] >= size)) {
      const std::string bound = size > 0 ? StrCat("less than ", size) : "2147483647 or less";
      return FieldError(StrCat(field, "[", i, "]"), StrCat("must be 0 or more and ", bound, "; was ", index[i]));
    }
  }
  return absl::OkStatus();
}

int64_t LargestPlusOne(const at::Tensor& index_N) {
  const int32_t* index = index_N.const_data_ptr<int32_t>();
  return int64_t{*std::max_element(index, index + index_N.numel())} + 1;
}

// `pixels` 0: the whole grid.
absl::StatusOr<int32_t> PictureSide(std::string_view field, std::string_view name, int64_t pixels, int64_t cells,
                                    int64_t patch_px) {
  const int64_t grid_px = cells * patch_px;
  if (pixels < 0 || pixels > grid_px) {
    return FieldError(field, StrCat("must have a ", name, " between 0 and that of its grid, ", cells, " * ", patch_px,
                                    " = ", grid_px, " px; was ", pixels));
  }
  return static_cast<int32_t>(pixels == 0 ? grid_px : pixels);
}

absl::StatusOr<ImageGeometry> MakeGeometry(std::string_view field, const GridClaim& claim, int64_t num_tokens,
                                           int64_t rows, int64_t cols, int64_t patch_px) {
  int64_t cells = 0;
  if (__builtin_mul_overflow(rows, cols, &cells) || cells != num_tokens) {
    return FieldError(field, StrCat("must have one token a cell: its grid of ", rows, " rows and ", cols,
                                    " columns does not have as many cells as there are tokens, ", num_tokens));
  }
  ImageGeometry geometry;
  geometry.grid_rows = static_cast<int32_t>(rows);
  geometry.grid_cols = static_cast<int32_t>(cols);
  VITOK_ASSIGN_OR_RETURN(geometry.height_px, PictureSide(field, "height", claim.height_px, rows, patch_px));
  VITOK_ASSIGN_OR_RETURN(geometry.width_px, PictureSide(field, "width", claim.width_px, cols, patch_px));
  return geometry;
}

absl::Status CheckNotNegative(std::string_view field, const GridClaim& claim) {
  if (claim.rows < 0) return FieldError(StrCat(field, ".grid_rows"), StrCat("must be 0 or more; was ", claim.rows));
  if (claim.cols < 0) return FieldError(StrCat(field, ".grid_cols"), StrCat("must be 0 or more; was ", claim.cols));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ImageGeometry> CheckTokenGrid(std::string_view field, const GridClaim& claim, const at::Tensor& row_N,
                                             const at::Tensor& col_N, int64_t patch_px) {
  const int64_t num_tokens = row_N.numel();
  VITOK_RETURN_IF_ERROR(CheckNotNegative(field, claim));
  VITOK_RETURN_IF_ERROR(CheckIndices(StrCat(field, ".row_idx"), row_N, claim.rows));
  VITOK_RETURN_IF_ERROR(CheckIndices(StrCat(field, ".col_idx"), col_N, claim.cols));
  const int64_t rows = claim.rows > 0 ? claim.rows : LargestPlusOne(row_N);
  const int64_t cols = claim.cols > 0 ? claim.cols : LargestPlusOne(col_N);
  VITOK_ASSIGN_OR_RETURN(const ImageGeometry geometry, MakeGeometry(field, claim, num_tokens, rows, cols, patch_px));

  const int32_t* row = row_N.const_data_ptr<int32_t>();
  const int32_t* col = col_N.const_data_ptr<int32_t>();
  constexpr int64_t kFree = -1;
  std::vector<int64_t> token_of_cell(num_tokens, kFree);
  for (int64_t i = 0; i < num_tokens; ++i) {
    int64_t& token = token_of_cell[row[i] * cols + col[i]];
    if (token != kFree) {
      return FieldError(field, StrCat("must have one token a cell; tokens ", token, " and ", i, " are both at row ",
                                      row[i], ", column ", col[i]));
    }
    token = i;
  }
  return geometry;
}

absl::StatusOr<ImageGeometry> CheckRasterGrid(std::string_view field, const GridClaim& claim, int64_t num_tokens,
                                              int64_t patch_px) {
  VITOK_RETURN_IF_ERROR(CheckNotNegative(field, claim));
  if (claim.rows == 0 || claim.cols == 0) {
    return FieldError(field, StrCat("must give grid_rows and grid_cols, or row_idx and col_idx; grid was ", claim.rows,
                                    " rows and ", claim.cols, " columns"));
  }
  return MakeGeometry(field, claim, num_tokens, claim.rows, claim.cols, patch_px);
}

}  // namespace vitok
