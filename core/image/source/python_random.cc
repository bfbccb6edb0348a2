#include "core/image/source/python_random.h"

#include <algorithm>
#include <array>
#include <bit>

namespace vitok {
namespace {

constexpr size_t kStateWords = std::mt19937::state_size;

// The state that the twister's authors derive from a key of words (init_by_array of their mt19937ar.c), in the form in
// which the standard library takes a state.
class StateOfKey {
 public:
  using result_type = uint32_t;

  explicit StateOfKey(const std::vector<uint32_t>& key) {
    state_[0] = 19650218;
    for (size_t i = 1; i < kStateWords; ++i) state_[i] = 1812433253 * Stirred(i - 1) + static_cast<uint32_t>(i);
    size_t i = 1;
    const auto advance = [&] {
      if (++i < kStateWords) return;
      state_[0] = state_[kStateWords - 1];
      i = 1;
    };
    for (size_t step = 0; step < std::max(kStateWords, key.size()); ++step) {
      const size_t j = step % key.size();
      state_[i] = (state_[i] ^ Stirred(i - 1) * 1664525) + key[j] + static_cast<uint32_t>(j);
      advance();
    }
    for (size_t step = 1; step < kStateWords; ++step) {
      state_[i] = (state_[i] ^ Stirred(i - 1) * 1566083941) - static_cast<uint32_t>(i);
      advance();
    }
    state_[0] = 0x80000000;
  }

  template <typename Iterator>
  void generate(Iterator begin, Iterator end) const {
    std::copy_n(state_.begin(), end - begin, begin);
  }

 private:
  uint32_t Stirred(size_t i) const { return state_[i] ^ state_[i] >> 30; }

  std::array<uint32_t, kStateWords> state_;
};

// Python's key of an integer: its 32-bit words, the lowest first, without leading zeros.
std::vector<uint32_t> KeyOf(uint64_t seed) {
  std::vector<uint32_t> key = {static_cast<uint32_t>(seed)};
  if (seed >> 32 != 0) key.push_back(static_cast<uint32_t>(seed >> 32));
  return key;
}

}  // namespace

PythonRandom::PythonRandom(uint64_t seed) {
  StateOfKey state(KeyOf(seed));
  twister_.seed(state);
}

double PythonRandom::Uniform() {
  const auto high = static_cast<double>(twister_() >> 5), low = static_cast<double>(twister_() >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

uint64_t PythonRandom::Below(uint64_t bound) {
  const int bits = std::bit_width(bound);
  while (true) {
    // Words are drawn from the lowest on; the last one gives its highest bits.
    uint64_t value = twister_();
    value = bits <= 32 ? value >> (32 - bits) : value | static_cast<uint64_t>(twister_() >> (64 - bits)) << 32;
    if (value < bound) return value;
  }
}

}  // namespace vitok
