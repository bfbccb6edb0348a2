// Between 8-bit pictures and patch sequences, one image at a time on the host.
#pragma once

#include <cstdint>

#include "core/model/tokenizer_batch.h"
#include "core/ops/pixel_span.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// The size of a picture and of the grid of patches that covers it.
ImageGeometry GeometryOf(const PixelImage& image, int64_t patch_px);

// Rows and columns of a grid in raster order, and then of `padding` tokens at (0, 0). int32.
struct TokenPositions {
  at::Tensor row_N, col_N;
};
TokenPositions RasterPositions(const ImageGeometry& geometry, int64_t padding);

// A span with the sizes of `geometry`, its tokens at `first_token`.
PixelSpan SpanOf(const ImageGeometry& geometry, int64_t first_token);

// float32 patches in raster order.
PatchSequence ToPatches(const PixelImage& image, int64_t patch_px);

// Patches of any float dtype that lie in their grid, each in a cell of its own. Cells without a patch are mid grey.
DecodedPicture ToPicture(const PatchSequence& patches, int64_t patch_px);

}  // namespace vitok
