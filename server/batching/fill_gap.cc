#include "server/batching/fill_gap.h"

#include <algorithm>
#include <bitset>

namespace vitok {
namespace {

constexpr int kSteps = 4096;
using Sums = std::bitset<kSteps + 1>;  // bit s: some subset has the sum s

// The sums of subsets of `sizes`, at most `top`.
Sums Reachable(absl::Span<const int64_t> sizes, int64_t top) {
  const Sums within = ~Sums() >> static_cast<size_t>(kSteps - top);
  Sums sums(1);
  for (const int64_t size : sizes) {
    if (size <= top) sums |= (sums << static_cast<size_t>(size)) & within;
  }
  return sums;
}

int64_t Largest(const Sums& sums) {
  int64_t largest = kSteps;
  while (!sums[largest]) --largest;  // bit 0 is always set
  return largest;
}

}  // namespace

std::vector<int> FillGap(absl::Span<const int64_t> sizes, int64_t capacity, int64_t enough) {
  const int64_t step = std::max<int64_t>(1, (capacity + kSteps - 1) / kSteps);
  const int64_t top = capacity / step;
  int64_t goal = enough / step;
  std::vector<int64_t> steps;
  for (const int64_t size : sizes) steps.push_back((size + step - 1) / step);

  size_t prefix = 0;
  int64_t largest = 0;
  while (prefix < steps.size() && largest < goal) {
    ++prefix;
    largest = Largest(Reachable(absl::MakeConstSpan(steps).first(prefix), top));
  }
  goal = std::min(goal, largest);

  std::vector<int> chosen;
  int64_t sum = 0;
  for (size_t i = 0; i < prefix; ++i) {
    if (sum + steps[i] > top) continue;
    const int64_t left = top - sum - steps[i];
    const int64_t with_rest =
        sum + steps[i] + Largest(Reachable(absl::MakeConstSpan(steps).subspan(i + 1, prefix - i - 1), left));
    if (with_rest < goal) continue;
    chosen.push_back(static_cast<int>(i));
    sum += steps[i];
  }
  return chosen;
}

}  // namespace vitok
