// Python's random module, as far as the reference's loaders use it: the same seed gives the same order of files and
// shards. Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998) with Python's way of seeding and of drawing.
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace vitok {

// random.Random(seed). Not thread-safe.
class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);

  // random(): 53 bits in [0, 1).
  double Uniform();

  // randrange(bound), uniform in [0, bound). REQUIRES: bound in [1, 2^32].
  uint64_t Below(uint64_t bound);

  // shuffle(values), in place. REQUIRES: at most 2^32 values.
  template <typename T>
  void Shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i-- > 1;) std::swap(values[i], values[Below(i + 1)]);
  }

 private:
  std::mt19937 twister_;
};

}  // namespace vitok
