// 8-bit pictures of a batch to its packed patches and back, in one pass each way. Vector order and fill of the edges:
// core/ops/patchify.h; from bytes to values and back: core/ops/pixel_kernels.h. The CPU form goes image by image
// through those kernels and is the reference; the CUDA form gives the same bits.
//
// Shape letters: T packed tokens · I images · D = 3·P·P · B bytes of all pictures.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "core/ops/pixel_span.h"

namespace vitok {

// Spans as a tensor: uint8 [I * sizeof(PixelSpan)], at an address that is a multiple of 8. REQUIRES of both ops: spans
// in order of their tokens, the first of them at token 0, and all tensors contiguous and on one device (CPU or CUDA,
// its current stream).

// Writes patches_TD [T, D] (float32, bfloat16 or float16: rounded once, from float32), row_T and col_T (int32 [T]).
// Tokens are in raster order. Those of padding become zeros at position (0, 0).
// REQUIRES: bytes_B [B] with B a multiple of 4.
void BytesToPatches(const at::Tensor& bytes_B, const at::Tensor& spans, int64_t patch_px, at::Tensor& patches_TD,
                    at::Tensor& row_T, at::Tensor& col_T);

// The other way: writes the pictures into bytes_B and whether all values of an image's patches are finite into finite_I
// (bool [I]; true for an image without a picture). Padding counts for nothing. Where a picture has no token it is
// mid grey. REQUIRES: rows and columns are 0 or more, and no two tokens of an image in one cell, but for padding.
void PatchesToBytes(const at::Tensor& patches_TD, const at::Tensor& row_T, const at::Tensor& col_T,
                    const at::Tensor& spans, int64_t patch_px, at::Tensor& bytes_B, at::Tensor& finite_I);

}  // namespace vitok
