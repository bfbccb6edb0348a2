// Which small batches share a captured CUDA graph: shapes are rounded up to a few sizes, so that the graphs of a model
// are a small fixed set. Free of torch and CUDA.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

namespace vitok {

// Batches of more tokens keep the device busy for longer than the host takes to launch them (docs/PERFORMANCE.md).
inline constexpr int64_t kMaxGraphTokens = 2048;
inline constexpr int64_t kMaxGraphImages = 64;
// Shapes that GraphShapeOf can give: an upper bound of the graphs of one tower.
inline constexpr int64_t kMaxGraphShapes = 128;

// What a graph is captured for.
struct GraphShape {
  int64_t tokens = 0;        // rows; those that a batch lacks are padding that belongs to no image
  int64_t images = 0;        // at most; exactly so many if `equal_images`
  int64_t image_tokens = 0;  // of an image at most; exactly so many if `equal_images`
  // No padding at all: attention may use the plans that are faster for images of one length.
  bool equal_images = false;

  friend auto operator<=>(const GraphShape&, const GraphShape&) = default;
};

// The shape that a batch runs in. `offsets`: where its images begin and the last one ends (TokenLayout::offsets).
// nullopt: it has no token, too many tokens or too many images.
std::optional<GraphShape> GraphShapeOf(const std::vector<int64_t>& offsets);

}  // namespace vitok
