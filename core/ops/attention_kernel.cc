// Both products are register-blocked: kRows rows of the left side times one panel of 16 columns are accumulated in
// registers, so that each load of the right side feeds kRows multiply-adds. Scores stay in the second-level cache
// between the products; ATen's CPU kernel calls a general matrix product for each small block instead.
#include "core/ops/attention_kernel.h"

#include <algorithm>

namespace vitok {
namespace {

#define VITOK_INLINE __attribute__((always_inline)) inline

typedef float Float4 __attribute__((vector_size(16)));
typedef float Float8 __attribute__((vector_size(32)));
typedef float Float16 __attribute__((vector_size(64)));

constexpr float kMasked = -1e30f;  // finite, so that a block with no visible key gives no NaN

// A vector type with its integer twin, and how many rows it takes to fill the registers of its instruction set.
template <typename V, int rows>
struct Isa {
  using Vector = V;
  typedef V Unaligned __attribute__((aligned(4), may_alias));
  typedef decltype(V{} < V{}) Int;
  static constexpr int kLanes = sizeof(V) / sizeof(float);
  static constexpr int kVectors = kPanel / kLanes;
  static constexpr int kRows = rows;
  static_assert(kQueryBlock % rows == 0);
};

// c [kRows, kPanel] = (add ? c : 0) + a [kRows, depth] · b [depth, kPanel], with row strides in values.
template <typename I>
VITOK_INLINE void MultiplyPanel(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int64_t depth,
                                bool add, float* c, int64_t c_stride) {
  using V = typename I::Vector;
  using U = typename I::Unaligned;
  V sum[I::kRows][I::kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < I::kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < I::kVectors; ++v) {
      sum[r][v] = add ? *reinterpret_cast<const U*>(c + r * c_stride + v * I::kLanes) : V{};
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    V right[I::kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < I::kVectors; ++v) right[v] = *reinterpret_cast<const U*>(b + k * b_stride + v * I::kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < I::kRows; ++r) {
      const float left = a[r * a_stride + k];
#pragma GCC unroll 16
      for (int v = 0; v < I::kVectors; ++v) sum[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < I::kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < I::kVectors; ++v) *reinterpret_cast<U*>(c + r * c_stride + v * I::kLanes) = sum[r][v];
  }
}

// x = exp(x) for x <= 0, as 2^n · p(r) with |r| <= ln(2) / 2; relative error below 3e-7, results below 1.6e-38 are cut.
// NaN stays.
template <typename I>
VITOK_INLINE void Exponentiate(typename I::Vector& x) {
  using V = typename I::Vector;
  constexpr float kRound = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer
  const V lowest = V{} - 87.0f;
  x = x < lowest ? lowest : x;
  const V n = (x * 1.44269504088896341f + kRound) - kRound;
  const V r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  V p = r * (1.0f / 720.0f) + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const typename I::Int bits = (__builtin_convertvector(n, typename I::Int) + 127) << 23;
  V power;
  __builtin_memcpy(&power, &bits, sizeof(power));
  x = p * power;
}

// Replaces a row of scores by exp(score - new_max), where new_max is the larger of old_max and the row's own; returns
// new_max and adds the row's sum to `sum`.
template <typename I>
VITOK_INLINE float ExponentiateRow(float* row, int64_t count, float old_max, float* sum) {
  using V = typename I::Vector;
  using U = typename I::Unaligned;
  V max_v = V{} + old_max;
  for (int64_t k = 0; k < count; k += I::kLanes) {
    const V score = *reinterpret_cast<const U*>(row + k);
    max_v = score > max_v ? score : max_v;
  }
  float max = old_max;
  for (int i = 0; i < I::kLanes; ++i) max = std::max(max, max_v[i]);
  V sum_v{};
  for (int64_t k = 0; k < count; k += I::kLanes) {
    U* const scores = reinterpret_cast<U*>(row + k);
    V weight = *scores - max;
    Exponentiate<I>(weight);
    *scores = weight;
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
  float max[kQueryBlock];
  float sum[kQueryBlock];
  std::fill_n(max, kQueryBlock, kMasked);
  std::fill_n(sum, kQueryBlock, 0.0f);
  std::fill_n(block.out, kQueryBlock * padded_dim, 0.0f);

  const int64_t lowest_key = std::max<int64_t>(0, block.first_query - block.window) / kPanel * kPanel;
  const int64_t end_key = std::min(block.tokens, block.first_query + kQueryBlock + block.window);
  for (int64_t first_key = lowest_key; first_key < end_key; first_key += kKeyBlock) {
    const int64_t visible = std::min(kKeyBlock, end_key - first_key);
    const int64_t keys = (visible + kPanel - 1) / kPanel * kPanel;
    for (int64_t k = 0; k < keys; k += kPanel) {
      for (int64_t q = 0; q < kQueryBlock; q += I::kRows) {
        MultiplyPanel<I>(block.query + q * dim, dim, block.key + (first_key + k) * dim, kPanel, dim, false,
                         block.score + q * kKeyBlock + k, kKeyBlock);
      }
    }
    for (int64_t q = 0; q < kQueryBlock; ++q) {
      float* const row = block.score + q * kKeyBlock;
      MaskRow(block, block.first_query + q, first_key, keys, row);
      float block_sum = 0;
      const float new_max = ExponentiateRow<I>(row, keys, max[q], &block_sum);
      typename I::Vector correction_v = typename I::Vector{} + (max[q] - new_max);
      Exponentiate<I>(correction_v);
      const float correction = correction_v[0];
      sum[q] = sum[q] * correction + block_sum;
      max[q] = new_max;
      for (int64_t d = 0; d < padded_dim; ++d) block.out[q * padded_dim + d] *= correction;
    }
    for (int64_t d = 0; d < padded_dim; d += kPanel) {
      for (int64_t q = 0; q < kQueryBlock; q += I::kRows) {
        MultiplyPanel<I>(block.score + q * kKeyBlock, kKeyBlock, block.value + first_key * padded_dim + d, padded_dim,
                         keys, true, block.out + q * padded_dim + d, padded_dim);
      }
    }
  }
  for (int64_t q = 0; q < kQueryBlock; ++q) {
    const float scale = 1.0f / sum[q];
    for (int64_t d = 0; d < padded_dim; ++d) block.out[q * padded_dim + d] *= scale;
  }
}

#if defined(__x86_64__)
__attribute__((target("arch=x86-64-v4"))) void RunAvx512(const AttentionBlock& block) { Run<Isa<Float16, 12>>(block); }
__attribute__((target("arch=x86-64-v3"))) void RunAvx2(const AttentionBlock& block) { Run<Isa<Float8, 6>>(block); }
#endif
void RunBaseline(const AttentionBlock& block) { Run<Isa<Float4, 2>>(block); }

using Kernel = void (*)(const AttentionBlock&);

Kernel BestKernel() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw")) {
    return RunAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return RunAvx2;
#endif
  return RunBaseline;
}

}  // namespace

void RunAttentionBlock(const AttentionBlock& block) {
  static const Kernel kernel = BestKernel();
  kernel(block);
}

}  // namespace vitok
