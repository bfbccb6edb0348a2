// Checks of token positions that come from a client.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// What a client says about the grid; 0 stands for "not said".
struct GridClaim {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t height_px = 0;
  int64_t width_px = 0;
};

// The geometry of tokens at (row_N[i], col_N[i]), int32 on the host. Rows and columns not claimed are the largest index
// + 1, pixels not claimed are the whole grid. INVALID_ARGUMENT, naming the part of `field`: an index outside the grid,
// rows * cols != N, a cell taken twice (so none is missing), negative claims, a picture larger than the grid.
absl::StatusOr<ImageGeometry> CheckTokenGrid(std::string_view field, const GridClaim& claim, const at::Tensor& row_N,
                                             const at::Tensor& col_N, int64_t patch_px);

// The same for tokens in raster order of a claimed grid: rows and cols must be positive, rows * cols == num_tokens.
absl::StatusOr<ImageGeometry> CheckRasterGrid(std::string_view field, const GridClaim& claim, int64_t num_tokens,
                                              int64_t patch_px);

}  // namespace vitok
