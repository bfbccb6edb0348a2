#include "core/base/random_stream.h"

namespace vitok {
namespace {

constexpr uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
constexpr uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0], product1 = kMultiplier1 * counter[2];
    counter = {High(product1) ^ counter[1] ^ key[0], Low(product1), High(product0) ^ counter[3] ^ key[1],
               Low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

void RandomStream::FillBlock() {
  const uint64_t block = next_ / 2;
  block_ = Philox4x32({Low(block), High(block), Low(index_), High(index_)}, {Low(seed_), High(seed_)});
}

void RandomStream::set_count(int64_t count) {
  next_ = static_cast<uint64_t>(count);
  FillBlock();
}

uint64_t RandomStream::NextBits() {
  const uint64_t half = next_ % 2;
  if (half == 0) FillBlock();
  ++next_;
  return uint64_t{block_[2 * half + 1]} << 32 | block_[2 * half];
}

double RandomStream::NextUniform() {
  constexpr int kMantissaBits = 53;
  return static_cast<double>(NextBits() >> (64 - kMantissaBits)) / static_cast<double>(uint64_t{1} << kMantissaBits);
}

int64_t RandomStream::NextBelow(int64_t bound) {
  // floor(bits / 2^64 * bound): no number is favoured by more than bound / 2^64.
  __extension__ using Wide = unsigned __int128;
  return static_cast<int64_t>(Wide{NextBits()} * static_cast<uint64_t>(bound) >> 64);
}

}  // namespace vitok
