#include "server/patch_dict_input.h"

#include <string>

#include "core/base/dtype.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"
#include "server/token_grid.h"

namespace vitok {
namespace {

// Number of tokens before masking.
absl::StatusOr<int64_t> CheckPatches(std::string_view field, const v1::Tensor& patches) {
  VITOK_RETURN_IF_ERROR(CheckTensor(field, patches));
  if (patches.shape_size() == 2 && patches.shape(0) > 0) return patches.shape(0);
  return FieldError(StrCat(field, ".shape"), StrCat("must be [N, D] with N of at least 1; was ", ShapeText(patches)));
}

// bool [length]: true keeps the token.
absl::StatusOr<at::Tensor> ViewMask(std::string_view field, const v1::Tensor& mask, int64_t length) {
  if (mask.dtype() != v1::DTYPE_BOOL && mask.dtype() != v1::DTYPE_UINT8) {
    VITOK_ASSIGN_OR_RETURN(const DType dtype, FromProto(StrCat(field, ".dtype"), mask.dtype()));
    return FieldError(StrCat(field, ".dtype"), StrCat("must be bool or uint8; was ", DTypeName(dtype)));
  }
  VITOK_ASSIGN_OR_RETURN(const at::Tensor view, ViewTensor(field, mask));
  if (view.dim() != 1 || view.size(0) != length) {
    return FieldError(StrCat(field, ".shape"), StrCat("must be [", length, "]; was ", ShapeText(mask)));
  }
  // Compared as bytes: a bool tensor over bytes other than 0 and 1 has no defined value.
  return view.view(at::kByte).ne(0);
}

}  // namespace

absl::StatusOr<int64_t> CountPatchDictTokens(std::string_view field, const v1::PatchDict& patches) {
  VITOK_ASSIGN_OR_RETURN(const int64_t length, CheckPatches(StrCat(field, ".patches"), patches.patches()));
  if (!patches.has_patch_mask()) return length;
  const std::string mask_field = StrCat(field, ".patch_mask");
  VITOK_ASSIGN_OR_RETURN(const at::Tensor mask, ViewMask(mask_field, patches.patch_mask(), length));
  const int64_t kept = mask.count_nonzero().item<int64_t>();
  if (kept > 0) return kept;
  return FieldError(mask_field, StrCat("must keep at least one token; keeps 0 of ", length));
}

absl::StatusOr<PatchSequence> ReadPatchDict(std::string_view field, const v1::PatchDict& patches,
                                            const TokenizerInfo& model, bool allow_nonfinite) {
  const std::string patches_field = StrCat(field, ".patches");
  VITOK_ASSIGN_OR_RETURN(const int64_t length, CheckPatches(patches_field, patches.patches()));
  PatchSequence sequence;
  VITOK_ASSIGN_OR_RETURN(sequence.patches_ND, ViewFloats(patches_field, patches.patches()));
  if (sequence.patches_ND.size(1) != model.patch_values) {
    return FieldError(StrCat(patches_field, ".shape"), StrCat("must be [N, ", model.patch_values, "] for patch side ",
                                                              model.patch_px, "; was ", ShapeText(patches.patches())));
  }
  VITOK_ASSIGN_OR_RETURN(sequence.row_N, ReadIndices(StrCat(field, ".row_idx"), patches.row_idx(), length));
  VITOK_ASSIGN_OR_RETURN(sequence.col_N, ReadIndices(StrCat(field, ".col_idx"), patches.col_idx(), length));
  if (patches.has_patch_mask()) {
    VITOK_ASSIGN_OR_RETURN(const at::Tensor mask, ViewMask(StrCat(field, ".patch_mask"), patches.patch_mask(), length));
    if (!mask.all().item<bool>()) {
      const at::Tensor kept = mask.nonzero().squeeze(1);
      sequence.patches_ND = sequence.patches_ND.index_select(0, kept);
      sequence.row_N = sequence.row_N.index_select(0, kept);
      sequence.col_N = sequence.col_N.index_select(0, kept);
    }
  }
  const GridClaim claim = {patches.grid_rows(), patches.grid_cols(), patches.original_height(),
                           patches.original_width()};
  VITOK_ASSIGN_OR_RETURN(sequence.geometry,
                         CheckTokenGrid(field, claim, sequence.row_N, sequence.col_N, model.patch_px));
  if (!allow_nonfinite && !AllFinite(sequence.patches_ND)) {
    return FieldError(patches_field, "must be finite; holds NaN or infinity (allow_nonfinite permits them)");
  }
  if (sequence.patches_ND.scalar_type() == at::kHalf) sequence.patches_ND = sequence.patches_ND.to(at::kFloat);
  return sequence;
}

}  // namespace vitok
