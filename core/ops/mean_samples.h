// The tokens that a mean over an image is made of. Free of torch.
#pragma once

#include <cstdint>

namespace vitok {

inline constexpr int kMeanSamples = 1024;

// Sample i of an image: a token from each of kMeanSamples parts of one length, further on by a golden ratio of the part
// each time. With one step for all, a picture as wide as a power of two would be sampled in a single column. REQUIRES:
// i < kMeanSamples, 1 <= tokens < 2^31.
constexpr int64_t SampledToken(int64_t i, int64_t tokens) {
  const int64_t place = i << 16 | (i * 40503 & 0xffff);  // in units of 2^-16 of a part
  return place * tokens / (int64_t{kMeanSamples} << 16);
}

}  // namespace vitok
