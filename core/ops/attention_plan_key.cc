#include "core/ops/attention_plan_key.h"

#include <algorithm>
#include <bit>

namespace vitok {
namespace {

constexpr int64_t kTokenTile = 128;  // queries that a thread block of the kernels takes
constexpr int64_t kDenseMultiple = 64;

// Measured (docs/PERFORMANCE.md). Smaller heads were not.
constexpr int64_t kLeastFp8HeadDim = 64;
constexpr int64_t kFp8HeadDimMultiple = 16;
constexpr int64_t kWideHeadDim = 128;
constexpr int64_t kLeastFp8Tokens = 4096;
constexpr int64_t kLeastFp8TokensOfWideHeads = 2304;
// Up to here nothing is gained by fewer heads.
constexpr int64_t kMostTokensOfAllHeads = 40960;
constexpr int64_t kCachedBytes = 34'000'000;  // of the 50 MB that an H100 has

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
    case AttentionPath::kDenseFp8: return "dense_fp8";
    case AttentionPath::kPackedFp8: return "packed_fp8";
    case AttentionPath::kShort: return "short";
  }
  return "unknown";
}

AttentionPath PathOf(const AttentionPlanKey& key) {
  if (key.dtype == AttentionDType::kE4m3) return key.packed ? AttentionPath::kPackedFp8 : AttentionPath::kDenseFp8;
  return key.packed ? AttentionPath::kPacked : AttentionPath::kDense;
}

int64_t ImageSlots(int64_t images) { return RoundUpTo(images, Step(images, 4)); }

int64_t TokenBucket(int64_t tokens) { return ImageSlots(RoundUpTo(tokens, kTokenTile) / kTokenTile) * kTokenTile; }

bool PrefersDense(const AttentionImages& images) {
  return images.equal_lengths && images.max_tokens > 0 && images.max_tokens % kDenseMultiple == 0;
}

std::optional<int64_t> LeastFp8Tokens(int64_t head_dim, std::optional<int64_t> window) {
  if (head_dim < kLeastFp8HeadDim || head_dim > kWideHeadDim || head_dim % kFp8HeadDimMultiple != 0) {
    return std::nullopt;
  }
  if (window.has_value()) return std::nullopt;
  return head_dim == kWideHeadDim ? kLeastFp8TokensOfWideHeads : kLeastFp8Tokens;
}

int64_t HeadsAtATime(const AttentionPlanKey& key) {
  if (key.dtype != AttentionDType::kE4m3 || key.max_tokens <= kMostTokensOfAllHeads) return key.heads;
  const int64_t head_bytes = 2 * key.max_tokens * key.head_dim;
  int64_t heads = key.heads;
  while (heads > 1 && (key.heads % heads != 0 || heads * head_bytes > kCachedBytes)) --heads;
  return heads;
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
