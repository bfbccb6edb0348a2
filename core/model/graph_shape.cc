#include "core/model/graph_shape.h"

#include <algorithm>
#include <array>

namespace vitok {
namespace {

constexpr std::array<int64_t, 8> kTokens = {128, 256, 384, 512, 768, 1024, 1536, kMaxGraphTokens};
// Slots for images, and their length, only cost attention some tiles that have nothing to do, so steps are wide.
constexpr std::array<int64_t, 4> kImages = {1, 4, 16, kMaxGraphImages};
constexpr std::array<int64_t, 5> kImageTokens = {128, 256, 512, 1024, kMaxGraphTokens};
// Other lengths have no plan for images of one length (PrefersDense).
constexpr int64_t kEqualMultiple = 64;

// REQUIRES: value <= the last size.
template <size_t kCount>
int64_t RoundUpTo(const std::array<int64_t, kCount>& sizes, int64_t value) {
  return *std::lower_bound(sizes.begin(), sizes.end(), value);
}

}  // namespace

std::optional<GraphShape> GraphShapeOf(const std::vector<int64_t>& offsets) {
  const auto images = static_cast<int64_t>(offsets.size()) - 1;
  if (images < 1 || images > kMaxGraphImages || offsets.back() < 1 || offsets.back() > kMaxGraphTokens) {
    return std::nullopt;
  }
  const int64_t tokens = offsets.back();
  int64_t longest = 0;
  for (int64_t i = 0; i < images; ++i) longest = std::max(longest, offsets[i + 1] - offsets[i]);
  GraphShape shape{.tokens = RoundUpTo(kTokens, tokens)};
  if (shape.tokens == tokens && longest * images == tokens && longest % kEqualMultiple == 0) {
    shape.images = images;
    shape.image_tokens = longest;
    shape.equal_images = true;
  } else {
    shape.images = RoundUpTo(kImages, images);
    shape.image_tokens = std::min(RoundUpTo(kImageTokens, longest), shape.tokens);
  }
  return shape;
}

}  // namespace vitok
