#include "core/ops/attention_plan_key.h"

#include <algorithm>
#include <bit>

namespace vitok {
namespace {

constexpr int64_t kTokenTile = 128;  // queries that a thread block of the kernels takes
constexpr int64_t kDenseMultiple = 64;

// The distance between neighbouring sizes around n, when each binary order has `sizes` of them.
int64_t Step(int64_t n, int64_t sizes) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(n))) / sizes);
}

int64_t RoundUpTo(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

}  // namespace

std::string_view AttentionPathName(AttentionPath path) {
  switch (path) {
    case AttentionPath::kCpu: return "cpu";
    case AttentionPath::kDense: return "dense";
    case AttentionPath::kPacked: return "packed";
    case AttentionPath::kFlash: return "flash";
    case AttentionPath::kPerImage: return "per_image";
  }
  return "unknown";
}

int64_t ImageSlots(int64_t images) { return RoundUpTo(images, Step(images, 4)); }

int64_t TokenBucket(int64_t tokens) { return ImageSlots(RoundUpTo(tokens, kTokenTile) / kTokenTile) * kTokenTile; }

bool PrefersDense(const AttentionImages& images) {
  return images.equal_lengths && images.max_tokens > 0 && images.max_tokens % kDenseMultiple == 0;
}

std::vector<int64_t> DenseRuns(int64_t images) {
  std::vector<int64_t> runs;
  while (images > 0) {
    const int64_t step = Step(images, 16);
    runs.push_back(images / step * step);
    images -= runs.back();
  }
  return runs;
}

}  // namespace vitok
