// Pixels to patch vectors and back. Vector order: channel, y, x inside the patch (c·P·P + y·P + x); patches row by row.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace vitok {

// pixels [C, H, W], H and W of any size: the right and bottom edge are filled up with 0 to multiples of P.
// Returns [ceil(H/P)·ceil(W/P), C·P·P], same dtype and device.
at::Tensor Patchify(const at::Tensor& pixels_CHW, int64_t patch_px);

// The inverse: patches [rows·cols, C·P·P] -> pixels [C, rows·P, cols·P].
at::Tensor Unpatchify(const at::Tensor& patches_ND, int64_t rows, int64_t cols, int64_t patch_px);

}  // namespace vitok
