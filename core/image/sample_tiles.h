// Tiles of pictures: the squares on which perceptual losses are computed (vitok/pp of the reference, sample_tiles).
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/random_stream.h"
#include "core/image/transforms.h"

namespace vitok {

// Where a tile begins, in pixels.
struct TileStart {
  int64_t top = 0, left = 0;
  friend bool operator==(const TileStart&, const TileStart&) = default;
};

// `count` starts for a picture of this size, each uniform over the positions at which the tile lies inside it; 0 along
// an axis on which the picture is not longer than the tile. REQUIRES: sizes of at least 1 px.
std::vector<TileStart> DrawTileStarts(SizePx image, SizePx tile, int64_t count, RandomStream& random);

// [I, n, 3, tile.height, tile.width]: of image i the tiles that begin at starts[i], n each. Pictures smaller than the
// tile are filled up with -1 (black) at the right and bottom; starts beyond the picture are moved back into it.
// Differentiable. REQUIRES: images [I, 3, H, W] of a float type, tile of at least 1 x 1 px. INVALID_ARGUMENT: starts of
// another number of images, or not as many for each.
absl::StatusOr<at::Tensor> CutTiles(const at::Tensor& images_I3HW, absl::Span<const std::vector<TileStart>> starts,
                                    SizePx tile);

}  // namespace vitok
