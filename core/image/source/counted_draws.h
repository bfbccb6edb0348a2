// Random numbers that are a function of a seed and of how many were drawn: to go on where a run has stopped, the count
// is enough.
#pragma once

#include <cstdint>

namespace vitok {

// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), addressed by its counter.
// Not thread-safe.
class CountedDraws {
 public:
  // Different streams of one seed are independent of each other.
  CountedDraws(uint64_t seed, uint64_t stream) : key_(Mix(Mix(seed) + stream * kGolden)) {}

  // Uniform in [0, bound), but for less than bound / 2^64. REQUIRES: bound >= 1.
  uint64_t Below(uint64_t bound) {
    __extension__ using Product = unsigned __int128;
    return static_cast<uint64_t>((Product{Next()} * bound) >> 64);
  }

  // Uniform in [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

  int64_t count() const { return count_; }
  void set_count(int64_t count) { count_ = count; }

 private:
  static constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;

  static uint64_t Mix(uint64_t value) {
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
    value = (value ^ value >> 27) * 0x94D049BB133111EB;
    return value ^ value >> 31;
  }
  uint64_t Next() { return Mix(key_ + static_cast<uint64_t>(++count_) * kGolden); }

  uint64_t key_;
  int64_t count_ = 0;
};

}  // namespace vitok
