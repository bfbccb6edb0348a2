// Both products are register-blocked: kRows rows of the left side times a few vectors of columns are accumulated in
// registers, so that each load of the right side feeds kRows multiply-adds. Scores stay in the second-level cache
// between the products; ATen's CPU kernel calls a general matrix product for each small block instead.
#include "core/ops/attention_kernel.h"

#include <algorithm>

#include "core/ops/round_up.h"
#include "core/ops/simd.h"

namespace vitok {
namespace {

constexpr float kMasked = -1e30f;  // finite, so that a block with no visible key gives no NaN

// An instruction set and the tile of a product that fills its registers: kRows rows of kTile columns.
template <typename V>
struct Isa : Simd<V> {
  static constexpr int kVectors = 2;
  static constexpr int kTile = kVectors * Simd<V>::kLanes;
  static constexpr int kRows = sizeof(V) == 64 ? 8 : 4;
  static_assert(kQueryBlock % kRows == 0 && kKeyPanel % kTile == 0);
};

// c [kRows, vectors · kLanes] = (add ? c : 0) + a [kRows, depth] · b [depth, vectors · kLanes], with row strides in
// values.
template <typename I, int vectors>
VITOK_INLINE void MultiplyTile(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int64_t depth,
                               bool add, float* c, int64_t c_stride) {
  using V = typename I::Vector;
  V sum[I::kRows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < I::kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      sum[r][v] = add ? LoadVector<I>(c + r * c_stride + v * I::kLanes) : V{};
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    V right[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) right[v] = LoadVector<I>(b + k * b_stride + v * I::kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < I::kRows; ++r) {
      const float left = a[r * a_stride + k];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < I::kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) StoreVector<I>(sum[r][v], c + r * c_stride + v * I::kLanes);
  }
}

// Replaces a row of scores by 2^(score - new_max), where new_max is the larger of old_max and the row's own; returns
// new_max and adds the row's sum to `sum`.
template <typename I>
VITOK_INLINE float ExponentiateRow(float* row, int64_t count, float old_max, float* sum) {
  using V = typename I::Vector;
  V max_v = V{} + old_max;
  for (int64_t k = 0; k < count; k += I::kLanes) {
    const V score = LoadVector<I>(row + k);
    max_v = score > max_v ? score : max_v;
  }
  float max = old_max;
  for (int i = 0; i < I::kLanes; ++i) max = std::max(max, max_v[i]);
  V sum_v{};
  for (int64_t k = 0; k < count; k += I::kLanes) {
    V weight = LoadVector<I>(row + k) - max;
    PowerOfTwo<I>(weight);
    StoreVector<I>(weight, row + k);
    sum_v += weight;
  }
  for (int i = 0; i < I::kLanes; ++i) *sum += sum_v[i];
  return max;
}

// Takes keys that query `query` must not see out of its row of scores for keys [first_key, first_key + count).
VITOK_INLINE void MaskRow(const AttentionBlock& block, int64_t query, int64_t first_key, int64_t count, float* row) {
  const int64_t begin = std::clamp<int64_t>(query - block.window - first_key, 0, count);
  const int64_t end = std::clamp<int64_t>(std::min(query + block.window + 1, block.tokens) - first_key, 0, count);
  std::fill(row, row + begin, kMasked);
  std::fill(row + std::max(begin, end), row + count, kMasked);
}

template <typename I>
VITOK_INLINE void Run(const AttentionBlock& block) {
  const int64_t dim = block.head_dim;
  const int64_t padded_dim = block.padded_dim;
  const int64_t queries = RoundUp(std::min(kQueryBlock, block.tokens - block.first_query), I::kRows);
  float max[kQueryBlock];
  float sum[kQueryBlock];
  std::fill_n(max, queries, kMasked);
  std::fill_n(sum, queries, 0.0f);
  std::fill_n(block.out, queries * padded_dim, 0.0f);

  const int64_t lowest_key = std::max<int64_t>(0, block.first_query - block.window) / kKeyPanel * kKeyPanel;
  const int64_t end_key = std::min(block.tokens, block.first_query + kQueryBlock + block.window);
  for (int64_t first_key = lowest_key; first_key < end_key; first_key += kKeyBlock) {
    const int64_t visible = std::min(kKeyBlock, end_key - first_key);
    const int64_t keys = RoundUp(visible, kKeyPanel);
    for (int64_t k = 0; k < keys; k += I::kTile) {
      const float* const key = block.key + (first_key + k) / kKeyPanel * kKeyPanel * dim + k % kKeyPanel;
      for (int64_t q = 0; q < queries; q += I::kRows) {
        MultiplyTile<I, I::kVectors>(block.query + q * dim, dim, key, kKeyPanel, dim, false,
                                     block.score + q * kKeyBlock + k, kKeyBlock);
      }
    }
    for (int64_t q = 0; q < queries; ++q) {
      float* const row = block.score + q * kKeyBlock;
      MaskRow(block, block.first_query + q, first_key, keys, row);
      float block_sum = 0;
      const float new_max = ExponentiateRow<I>(row, keys, max[q], &block_sum);
      typename I::Vector correction_v = typename I::Vector{} + (max[q] - new_max);
      PowerOfTwo<I>(correction_v);
      const float correction = correction_v[0];
      sum[q] = sum[q] * correction + block_sum;
      max[q] = new_max;
      for (int64_t d = 0; d < padded_dim; ++d) block.out[q * padded_dim + d] *= correction;
    }
    const float* const value = block.value + first_key * padded_dim;
    int64_t d = 0;
    for (; d + I::kTile <= padded_dim; d += I::kTile) {
      for (int64_t q = 0; q < queries; q += I::kRows) {
        MultiplyTile<I, I::kVectors>(block.score + q * kKeyBlock, kKeyBlock, value + d, padded_dim, keys, true,
                                     block.out + q * padded_dim + d, padded_dim);
      }
    }
    for (; d < padded_dim; d += I::kLanes) {
      for (int64_t q = 0; q < queries; q += I::kRows) {
        MultiplyTile<I, 1>(block.score + q * kKeyBlock, kKeyBlock, value + d, padded_dim, keys, true,
                           block.out + q * padded_dim + d, padded_dim);
      }
    }
  }
  for (int64_t q = 0; q < queries; ++q) {
    const float scale = 1.0f / sum[q];
    for (int64_t d = 0; d < padded_dim; ++d) block.out[q * padded_dim + d] *= scale;
  }
}

VITOK_TARGET_AVX512 void RunAvx512(const AttentionBlock& block) { Run<Isa<Float16>>(block); }
VITOK_TARGET_AVX2 void RunAvx2(const AttentionBlock& block) { Run<Isa<Float8>>(block); }
void RunBaseline(const AttentionBlock& block) { Run<Isa<Float4>>(block); }

}  // namespace

void RunAttentionBlock(const AttentionBlock& block) {
  static const auto kernel = FastestOnThisCpu(&RunAvx512, &RunAvx2, &RunBaseline);
  kernel(block);
}

}  // namespace vitok
