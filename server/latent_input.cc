#include "server/latent_input.h"

#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/pixel_sequences.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"
#include "server/token_grid.h"

namespace vitok {
namespace {

// [C, h, w]: the grid is in the shape; claims must agree with it.
absl::StatusOr<GridClaim> GridOfShape(std::string_view field, const v1::Latents& latents, const at::Tensor& z_Chw) {
  if (latents.has_row_idx() || latents.has_col_idx()) {
    return FieldError(field, "must not give row_idx or col_idx with z of shape [C, h, w], which says where tokens are");
  }
  const int64_t rows = z_Chw.size(1);
  const int64_t cols = z_Chw.size(2);
  if ((latents.grid_rows() != 0 && latents.grid_rows() != rows) ||
      (latents.grid_cols() != 0 && latents.grid_cols() != cols)) {
    return FieldError(field, StrCat("must have the grid of z, ", rows, " rows and ", cols, " columns; grid was ",
                                    latents.grid_rows(), " rows and ", latents.grid_cols(), " columns"));
  }
  return GridClaim{rows, cols, latents.height_px(), latents.width_px()};
}

absl::Status CheckChannels(std::string_view field, int64_t channels, std::string_view form, const v1::Tensor& z,
                           const TokenizerInfo& model) {
  if (channels == model.latent_channels) return absl::OkStatus();
  return FieldError(StrCat(field, ".z.shape"),
                    StrCat("must be ", form, " with C = ", model.latent_channels, "; was ", ShapeText(z)));
}

// Tokens of the picture: all, but for a model that attends to padding (TokenizerInfo::attend_padding_to), whose Encode
// gives the padding tokens' latents as the last ones, at row and column 0.
absl::StatusOr<int64_t> CountPictureTokens(std::string_view field, const GridClaim& claim, const at::Tensor& row_N,
                                           const at::Tensor& col_N, const TokenizerInfo& model) {
  const int64_t tokens = row_N.size(0);
  int64_t cells = 0;
  if (__builtin_mul_overflow(claim.rows, claim.cols, &cells)) return tokens;
  if (model.attend_padding_to == 0 || cells <= 0 || cells >= tokens) return tokens;
  const int64_t padding = tokens - cells;
  const int64_t displaced =
      (row_N.narrow(0, cells, padding) | col_N.narrow(0, cells, padding)).count_nonzero().item<int64_t>();
  if (displaced == 0) return cells;
  return FieldError(field, StrCat("must have row and column 0 in the ", padding, " padding tokens after the ", cells,
                                  " of the grid; ", displaced, " have others"));
}

}  // namespace

absl::StatusOr<int64_t> CountLatentTokens(std::string_view field, const v1::Latents& latents, int64_t max_tokens) {
  const v1::Tensor& z = latents.z();
  VITOK_RETURN_IF_ERROR(CheckTensor(StrCat(field, ".z"), z));
  if (z.shape_size() != 2 && z.shape_size() != 3) {
    return FieldError(StrCat(field, ".z.shape"), StrCat("must be [N, C] or [C, h, w]; was ", ShapeText(z)));
  }
  int64_t tokens = 0;
  if (z.shape_size() == 2) {
    tokens = z.shape(0);
  } else if (__builtin_mul_overflow(z.shape(1), z.shape(2), &tokens)) {
    return FieldError(StrCat(field, ".z.shape"), StrCat("must have h * w within 63 bits; was ", ShapeText(z)));
  }
  if (tokens == 0) {
    return FieldError(StrCat(field, ".z.shape"), StrCat("must have at least one token; was ", ShapeText(z)));
  }
  if (tokens <= max_tokens) return tokens;
  return FieldError(field, StrCat("must have at most ", max_tokens, " tokens (max_image_tokens); was ", tokens));
}

absl::StatusOr<LatentSequence> ReadLatents(std::string_view field, const v1::Latents& latents,
                                           const TokenizerInfo& model, bool allow_nonfinite) {
  const std::string z_field = StrCat(field, ".z");
  VITOK_ASSIGN_OR_RETURN(const at::Tensor z, ViewFloats(z_field, latents.z()));
  GridClaim claim = {latents.grid_rows(), latents.grid_cols(), latents.height_px(), latents.width_px()};
  LatentSequence sequence;
  if (z.dim() == 3) {
    VITOK_RETURN_IF_ERROR(CheckChannels(field, z.size(0), "[C, h, w]", latents.z(), model));
    VITOK_ASSIGN_OR_RETURN(claim, GridOfShape(field, latents, z));
    sequence.z_NZ = z.flatten(1).t().contiguous();
  } else {
    VITOK_RETURN_IF_ERROR(CheckChannels(field, z.dim() == 2 ? z.size(1) : -1, "[N, C]", latents.z(), model));
    sequence.z_NZ = z;
  }
  const int64_t num_tokens = sequence.z_NZ.size(0);
  if (latents.has_row_idx() || latents.has_col_idx()) {
    VITOK_ASSIGN_OR_RETURN(sequence.row_N, ReadIndices(StrCat(field, ".row_idx"), latents.row_idx(), num_tokens));
    VITOK_ASSIGN_OR_RETURN(sequence.col_N, ReadIndices(StrCat(field, ".col_idx"), latents.col_idx(), num_tokens));
    VITOK_ASSIGN_OR_RETURN(const int64_t picture_tokens,
                           CountPictureTokens(field, claim, sequence.row_N, sequence.col_N, model));
    VITOK_ASSIGN_OR_RETURN(sequence.geometry,
                           CheckTokenGrid(field, claim, sequence.row_N.narrow(0, 0, picture_tokens),
                                          sequence.col_N.narrow(0, 0, picture_tokens), model.patch_px));
  } else {
    VITOK_ASSIGN_OR_RETURN(sequence.geometry, CheckRasterGrid(field, claim, num_tokens, model.patch_px));
    TokenPositions positions = RasterPositions(sequence.geometry, /*padding=*/0);
    sequence.row_N = std::move(positions.row_N);
    sequence.col_N = std::move(positions.col_N);
  }
  if (!allow_nonfinite && !AllFinite(sequence.z_NZ)) {
    return FieldError(z_field, "must be finite; holds NaN or infinity (allow_nonfinite permits them)");
  }
  return sequence;
}

}  // namespace vitok
