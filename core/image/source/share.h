// Which part of an epoch is a caller's.
#pragma once

#include <cstdint>
#include <vector>

#include "core/image/image_source.h"

namespace vitok {

struct Share {
  int64_t index = 0, count = 1;
};

inline Share ShareOf(const ImageSourceOptions& options) {
  return {options.rank * options.num_workers + options.worker, options.num_ranks * options.num_workers};
}

// Every `count`th value from that at `index` on.
inline std::vector<int64_t> TakeShare(const std::vector<int64_t>& values, Share share) {
  std::vector<int64_t> taken;
  for (size_t i = share.index; i < values.size(); i += share.count) taken.push_back(values[i]);
  return taken;
}

}  // namespace vitok
