// Random numbers that depend on a seed, the number of a stream and how many were drawn, alone: not on threads, workers,
// batches or the machine.
#pragma once

#include <array>
#include <cstdint>

namespace vitok {

// One block of Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011): a bijection of the
// counter for each key.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// The numbers of one stream (that of a sample, of a shard's order), in the order in which they are asked for. Streams
// of another seed or index are independent. Cheap to make; not thread-safe. The distributions are defined here and not
// taken from <random>, whose results differ between standard libraries.
//
//   RandomStream random(seed, sample_index);
//   if (random.NextUniform() < 0.5) image = MirrorImage(image);
class RandomStream {
 public:
  RandomStream(uint64_t seed, uint64_t index) : seed_(seed), index_(index) {}

  // 64 random bits.
  uint64_t NextBits();

  // In [0, 1), a multiple of 2^-53.
  double NextUniform();

  // In [0, bound). REQUIRES: bound positive.
  int64_t NextBelow(int64_t bound);

  // How many numbers were given. Set to that of an earlier run, the stream goes on where that one was.
  int64_t count() const { return static_cast<int64_t>(next_); }
  void set_count(int64_t count);

 private:
  // The block of number next_, which holds two.
  void FillBlock();

  uint64_t seed_;
  uint64_t index_;
  uint64_t next_ = 0;
  std::array<uint32_t, 4> block_ = {};
};

}  // namespace vitok
