#include "tests/fuzz/sequence_checks.h"

#include <vector>

#include "core/model/pixel_sequences.h"
#include "server/tensor_convert.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/fake_tokenizer.h"

namespace vitok {
namespace {

void CheckPlaces(const at::Tensor& row_N, const at::Tensor& col_N, const ImageGeometry& geometry, int64_t tokens,
                 const TokenizerInfo& model) {
  Require(row_N.scalar_type() == at::kInt && col_N.scalar_type() == at::kInt, "positions are int32");
  Require(row_N.dim() == 1 && col_N.dim() == 1 && row_N.size(0) == tokens && col_N.size(0) == tokens,
          "every token has a position");
  const int64_t cells = geometry.cells();
  Require(geometry.grid_rows > 0 && geometry.grid_cols > 0, "a grid has cells");
  Require(cells == tokens || (model.attend_padding_to > 0 && cells < tokens), "tokens fill the grid");
  Require(geometry.height_px > 0 && geometry.height_px <= geometry.grid_rows * model.patch_px &&
              geometry.width_px > 0 && geometry.width_px <= geometry.grid_cols * model.patch_px,
          "a picture lies within its grid");
  std::vector<bool> taken(cells);
  const at::Tensor rows = row_N.contiguous(), cols = col_N.contiguous();
  for (int64_t i = 0; i < cells; ++i) {
    const int32_t row = rows.const_data_ptr<int32_t>()[i], col = cols.const_data_ptr<int32_t>()[i];
    Require(row >= 0 && row < geometry.grid_rows && col >= 0 && col < geometry.grid_cols, "a token lies in the grid");
    const int64_t cell = int64_t{row} * geometry.grid_cols + col;
    Require(!taken[cell], "no two tokens share a cell");
    taken[cell] = true;
  }
}

void CheckValues(const at::Tensor& values, int64_t width, bool allow_nonfinite) {
  Require(values.dim() == 2 && values.size(0) > 0 && values.size(1) == width, "a token has the values of the model");
  Require(values.device().is_cpu() && at::isFloatingType(values.scalar_type()), "values are floats on the host");
  Require(allow_nonfinite || AllFinite(values), "values are finite");
}

}  // namespace

TokenizerInfo FakeModelInfo() { return FakeTokenizer(/*patch_px=*/2).info(); }

PatchSequence CheckImage(const TokenizerInput& image, const TokenizerInfo& model, bool allow_nonfinite) {
  PatchSequence patches;
  if (const auto* pixels = std::get_if<PixelImage>(&image)) {
    const at::Tensor& pixels_HW3 = pixels->pixels_HW3;
    Require(pixels_HW3.device().is_cpu() && pixels_HW3.scalar_type() == at::kByte && pixels_HW3.is_contiguous(),
            "pixels are bytes on the host");
    Require(pixels_HW3.dim() == 3 && pixels_HW3.numel() > 0 && pixels_HW3.size(2) == 3, "pixels are RGB");
    patches = ToPatches(*pixels, model.patch_px);
  } else {
    patches = std::get<PatchSequence>(image);
  }
  CheckValues(patches.patches_ND, model.patch_values, allow_nonfinite);
  Require(patches.patches_ND.scalar_type() != at::kHalf, "patches are float32 or bfloat16");
  TokenizerInfo without_padding = model;
  without_padding.attend_padding_to = 0;
  CheckPlaces(patches.row_N, patches.col_N, patches.geometry, patches.patches_ND.size(0), without_padding);
  return patches;
}

void CheckLatentSequence(const LatentSequence& latents, const TokenizerInfo& model, bool allow_nonfinite) {
  CheckValues(latents.z_NZ, model.latent_channels, allow_nonfinite);
  CheckPlaces(latents.row_N, latents.col_N, latents.geometry, latents.z_NZ.size(0), model);
}

}  // namespace vitok
