#include "server/latent_output.h"

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"

namespace vitok {

absl::StatusOr<LatentForm> ReadLatentForm(const v1::EncodeRequest& request, DType model_dtype) {
  LatentForm form;
  form.dtype = model_dtype;
  if (request.latent_dtype() != v1::DTYPE_UNSPECIFIED) {
    VITOK_ASSIGN_OR_RETURN(form.dtype, FromProto("latent_dtype", request.latent_dtype()));
    if (form.dtype != DType::kFloat32 && form.dtype != DType::kFloat16 && form.dtype != DType::kBfloat16) {
      return FieldError("latent_dtype", StrCat("must be float32, float16 or bfloat16; was ", DTypeName(form.dtype)));
    }
  }
  switch (request.latent_layout()) {
    case v1::LATENT_LAYOUT_UNSPECIFIED:
    case v1::LATENT_LAYOUT_PACKED: form.layout = v1::LATENT_LAYOUT_PACKED; return form;
    case v1::LATENT_LAYOUT_GRID: form.layout = v1::LATENT_LAYOUT_GRID; return form;
    default: break;
  }
  return FieldError("latent_layout",
                    StrCat("must be a known LatentLayout; was ", static_cast<int>(request.latent_layout())));
}

WrittenValue WriteLatents(const LatentSequence& sequence, const LatentForm& form, v1::Latents* message) {
  const ImageGeometry& geometry = sequence.geometry;
  message->set_grid_rows(geometry.grid_rows);
  message->set_grid_cols(geometry.grid_cols);
  message->set_height_px(geometry.height_px);
  message->set_width_px(geometry.width_px);
  if (form.layout == v1::LATENT_LAYOUT_PACKED) {
    WriteTensor(sequence.row_N, DType::kInt32, message->mutable_row_idx());
    WriteTensor(sequence.col_N, DType::kInt32, message->mutable_col_idx());
    WrittenValue value = WriteLargeTensor(sequence.z_NZ, form.dtype, message->mutable_z());
    value.finite = AllFinite(sequence.z_NZ);
    return value;
  }
  // A grid has no place for the latents of padding tokens, which come last.
  const int64_t cells = geometry.cells();
  const at::Tensor cell_N = (sequence.row_N.to(at::kLong) * geometry.grid_cols + sequence.col_N).narrow(0, 0, cells);
  at::Tensor raster_NZ = at::empty({cells, sequence.z_NZ.size(1)}, sequence.z_NZ.options());
  raster_NZ.index_copy_(0, cell_N, sequence.z_NZ.narrow(0, 0, cells));
  WrittenValue value = WriteLargeTensor(raster_NZ.t().reshape({-1, geometry.grid_rows, geometry.grid_cols}), form.dtype,
                                        message->mutable_z());
  value.copied_bytes = static_cast<int64_t>(value.bytes.size());
  value.finite = AllFinite(sequence.z_NZ);
  return value;
}

}  // namespace vitok
