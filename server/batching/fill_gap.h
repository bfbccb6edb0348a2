// Which tasks fill what is left of a batch. Free of torch.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace vitok {

// Indices, ascending, of items whose sum is at most `capacity` and at least `enough`, or as large as it can be. Every
// item that is left out is overtaken by those that are taken from behind it, so of all choices that are enough it is
// one from the shortest prefix of `sizes`, and there the one with the oldest items. Sizes count in steps of 1/4096 of
// the capacity, rounded up. REQUIRES: sizes positive, 0 <= enough <= capacity.
std::vector<int> FillGap(absl::Span<const int64_t> sizes, int64_t capacity, int64_t enough);

}  // namespace vitok
