// Which keys a query may see under a sliding window.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace vitok {

// bool [queries, keys]: true where query `first_query + i` may see key `first_key + j`.
inline at::Tensor BandMask(int64_t first_query, int64_t queries, int64_t first_key, int64_t keys, int64_t window,
                           at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  const at::Tensor query_N1 = at::arange(first_query, first_query + queries, options).unsqueeze(1);
  const at::Tensor key_1M = at::arange(first_key, first_key + keys, options).unsqueeze(0);
  return (query_N1 - key_1M).abs() <= window;
}

}  // namespace vitok
