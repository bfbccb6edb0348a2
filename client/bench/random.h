// Reproducible draws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace vitok {

// The same seed gives the same draws with every compiler and library, which the distributions of <random> do not
// promise. For one thread.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Bits() { return engine_(); }

  // In [0, 1).
  double Uniform() { return static_cast<double>(Bits() >> 11) * 0x1p-53; }

  // In [0, bound). REQUIRES: bound >= 1.
  size_t Below(size_t bound) { return static_cast<size_t>(Uniform() * static_cast<double>(bound)); }

  template <typename T>
  void Shuffle(std::vector<T>* values) {
    for (size_t left = values->size(); left > 1; --left) std::swap((*values)[left - 1], (*values)[Below(left)]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace vitok
