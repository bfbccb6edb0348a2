// Latent sequences to the latents of a reply.
#pragma once

#include "absl/status/statusor.h"
#include "core/base/dtype.h"
#include "core/tokens/packed_tokens.h"
#include "server/tensor_convert.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

struct LatentForm {
  DType dtype = DType::kFloat32;
  v1::LatentLayout layout = v1::LATENT_LAYOUT_PACKED;  // PACKED or GRID
};

// Reads latent_dtype and latent_layout. INVALID_ARGUMENT: a dtype that is no float type, an unknown number.
absl::StatusOr<LatentForm> ReadLatentForm(const v1::EncodeRequest& request, DType model_dtype);

// PACKED: tokens in the order of `sequence` with row_idx and col_idx. GRID: [Z, rows, cols].
// Returns the bytes of `z`, which stay out of the message (server/reply_bytes.h). REQUIRES: one token a cell of the
// grid.
WrittenValue WriteLatents(const LatentSequence& sequence, const LatentForm& form, v1::Latents* message);

}  // namespace vitok
