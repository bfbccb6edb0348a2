// Loops over ATen's threads whose work is handed out as threads ask for it.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace vitok {

// Calls `work(i)` for every i in [0, count), each once, in parallel. at::parallel_for cuts a loop into equal parts
// beforehand, so a thread that wakes up late or shares its core holds up all others; here they take its share. `work`
// must not depend on which thread runs it.
template <typename Work>
void ForEachInParallel(int64_t count, const Work& work) {
  const int64_t threads = std::min<int64_t>(at::in_parallel_region() ? 1 : at::get_num_threads(), count);
  std::atomic<int64_t> next{0};
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    for (int64_t i = next++; i < count; i = next++) work(i);
  });
}

}  // namespace vitok
