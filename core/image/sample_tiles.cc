#include "core/image/sample_tiles.h"

#include <algorithm>

#include "core/base/str_cat.h"

namespace vitok {

std::vector<TileStart> DrawTileStarts(SizePx image, SizePx tile, int64_t count, RandomStream& random) {
  std::vector<TileStart> starts(count);
  for (TileStart& start : starts) {
    start.top = random.NextBelow(std::max<int64_t>(image.height - tile.height, 0) + 1);
    start.left = random.NextBelow(std::max<int64_t>(image.width - tile.width, 0) + 1);
  }
  return starts;
}

absl::StatusOr<at::Tensor> CutTiles(const at::Tensor& images_I3HW, absl::Span<const std::vector<TileStart>> starts,
                                    SizePx tile) {
  if (images_I3HW.size(0) != static_cast<int64_t>(starts.size()) || starts.empty()) {
    return absl::InvalidArgumentError(
        StrCat("starts must be of as many images, at least 1; were of ", starts.size(), " for ", images_I3HW.size(0)));
  }
  constexpr double kBlack = -1.0;
  const int64_t missing_height = std::max<int64_t>(tile.height - images_I3HW.size(2), 0);
  const int64_t missing_width = std::max<int64_t>(tile.width - images_I3HW.size(3), 0);
  const at::Tensor canvas_I3HW = at::constant_pad_nd(images_I3HW, {0, missing_width, 0, missing_height}, kBlack);
  const int64_t last_top = canvas_I3HW.size(2) - tile.height, last_left = canvas_I3HW.size(3) - tile.width;
  std::vector<at::Tensor> tiles;
  for (size_t i = 0; i < starts.size(); ++i) {
    if (starts[i].size() != starts[0].size() || starts[i].empty()) {
      return absl::InvalidArgumentError(StrCat("every image must have as many starts, at least 1; image ", i, " has ",
                                               starts[i].size(), ", image 0 ", starts[0].size()));
    }
    const at::Tensor image_3HW = canvas_I3HW.select(0, static_cast<int64_t>(i));
    for (const TileStart& start : starts[i]) {
      const int64_t top = std::clamp<int64_t>(start.top, 0, last_top);
      const int64_t left = std::clamp<int64_t>(start.left, 0, last_left);
      tiles.push_back(image_3HW.narrow(1, top, tile.height).narrow(2, left, tile.width));
    }
  }
  const auto images = static_cast<int64_t>(starts.size()), count = static_cast<int64_t>(starts[0].size());
  return at::stack(tiles).view({images, count, images_I3HW.size(1), tile.height, tile.width});
}

}  // namespace vitok
