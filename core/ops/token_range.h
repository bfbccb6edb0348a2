// Consecutive tokens of a packed batch, such as an image. Free of torch.
#pragma once

#include <cstdint>

namespace vitok {

struct TokenRange {
  int64_t first;
  int64_t count;
};

}  // namespace vitok
