#include "server/batching/class_credits.h"

#include <algorithm>
#include <numeric>

namespace vitok {
namespace {

// A little above what is promised, since a class pays for its whole task when it is served.
constexpr std::array<double, kPriorities> kShares = {0, 0.11, 0.055};

}  // namespace

Priority ClassCredits::Choose(const std::array<int64_t, kPriorities>& next_tokens) const {
  for (int c = kPriorities - 1; c > 0; --c) {
    if (next_tokens[c] > 0 && credits_[c] >= static_cast<double>(next_tokens[c])) return static_cast<Priority>(c);
  }
  const auto first = std::find_if(next_tokens.begin(), next_tokens.end(), [](int64_t tokens) { return tokens > 0; });
  return static_cast<Priority>(first - next_tokens.begin());
}

void ClassCredits::Serve(const std::array<int64_t, kPriorities>& tokens, const std::array<bool, kPriorities>& waiting) {
  const double total = static_cast<double>(std::accumulate(tokens.begin(), tokens.end(), int64_t{0}));
  for (int c = 0; c < kPriorities; ++c) {
    // Credit is for waiting, not for having been idle; and what is served beyond it is a gift.
    credits_[c] = waiting[c] ? std::max(0.0, credits_[c] + kShares[c] * total - static_cast<double>(tokens[c])) : 0;
  }
}

}  // namespace vitok
