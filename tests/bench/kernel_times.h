// Which kernels a piece of work spends a GPU's time in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace vitok {

struct KernelTime {
  std::string name;
  int64_t launches = 0;
  double ms = 0;  // of all launches
};

// Runs `work` once under torch's profiler and sums the times of its kernels and copies by name, longest first. The
// profiler slows the host down, not the kernels.
std::vector<KernelTime> ProfileKernels(const std::function<void()>& work);

}  // namespace vitok
