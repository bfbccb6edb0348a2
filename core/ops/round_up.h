// Sizes filled up to whole panels, blocks and chunks. Free of torch.
#pragma once

#include <cstdint>

namespace vitok {

// The smallest multiple of `multiple` that is at least `value`. REQUIRES: value >= 0, multiple > 0.
constexpr int64_t RoundUp(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace vitok
