// Which sizes the images of a run have.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/bench/random.h"

namespace vitok {

struct ImageSize {
  int32_t width_px = 0;
  int32_t height_px = 0;

  friend bool operator==(const ImageSize&, const ImageSize&) = default;
};

// A distribution over sizes, from its text. Immutable: thread-safe.
//
//   512                            squares of one size
//   1024x768                       width x height
//   256:0.5,512:0.3,1024x768:0.2   a mix; weights need not add up to 1, and one that is left out is 1
//   uniform:256-2048               width and height independent, each side of the range equally often
class SizeDistribution {
 public:
  static constexpr int32_t kLargestSide_px = 65'535;

  // INVALID_ARGUMENT naming the part that is wrong: no number, a side outside [1, 65535], a weight that is not positive
  // and finite, a range whose end is below its beginning.
  static absl::StatusOr<SizeDistribution> Parse(std::string_view text);

  // `count` sizes in random order. They follow the distribution as closely as `count` sizes can, not only on average:
  // 10 sizes of "256:0.5,512:0.5" are five of each. REQUIRES: count >= 0.
  std::vector<ImageSize> Draw(int count, Random* random) const;

 private:
  struct Choice {
    ImageSize low;
    ImageSize high;  // inclusive
    double weight = 1;
  };

  static absl::StatusOr<Choice> ParseChoice(std::string_view text);

  std::vector<Choice> choices_;  // at least one
};

}  // namespace vitok
