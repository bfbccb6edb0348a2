// Timing of work on a GPU.
#pragma once

#include <ATen/cuda/CUDAEvent.h>

#include <algorithm>
#include <vector>

namespace vitok {

// Milliseconds of `work` by CUDA events: median of at least `repeats` and of `seconds` of running, after warming up.
template <typename Work>
double MedianMs(const Work& work, int repeats, double seconds) {
  constexpr int kWarmUps = 2;
  constexpr int kMostRepeats = 200;
  for (int i = 0; i < kWarmUps; ++i) work();
  std::vector<double> times_ms;
  double total_ms = 0;
  while (static_cast<int>(times_ms.size()) < repeats ||
         (total_ms < 1e3 * seconds && static_cast<int>(times_ms.size()) < kMostRepeats)) {
    at::cuda::CUDAEvent start(cudaEventDefault), end(cudaEventDefault);
    start.record();
    work();
    end.record();
    end.synchronize();
    times_ms.push_back(start.elapsed_time(end));
    total_ms += times_ms.back();
  }
  const auto middle = times_ms.begin() + static_cast<int64_t>(times_ms.size() / 2);
  std::nth_element(times_ms.begin(), middle, times_ms.end());
  return *middle;
}

}  // namespace vitok
