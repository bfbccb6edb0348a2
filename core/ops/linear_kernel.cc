// The product is register-blocked: kRows rows times one panel are accumulated in registers over all of K, so that each
// load of the weight feeds kRows multiply-adds, and nothing but the final result is written. The weight streams through
// the caches at a fraction of their bandwidth, and its layout needs no copy, which general matrix products make anew
// for every call.
#include "core/ops/linear_kernel.h"

#include <algorithm>

#include "core/ops/simd.h"

namespace vitok {
namespace {

enum class Then { kStore, kAdd, kSwiGlu };

template <typename V, int rows>
struct Isa : Simd<V> {
  static constexpr int kVectors = kLinearPanel / Simd<V>::kLanes;
  static constexpr int kRows = rows;
};

// The first `count` lanes to `y`; kAdd: added to what is there.
template <typename I, Then then>
VITOK_INLINE void StoreLanes(typename I::Vector value, int64_t count, float* y) {
  if (count >= I::kLanes) {
    if constexpr (then == Then::kAdd) value += LoadVector<I>(y);
    StoreVector<I>(value, y);
    return;
  }
  for (int64_t i = 0; i < count; ++i) y[i] = then == Then::kAdd ? y[i] + value[i] : value[i];
}

template <typename I>
VITOK_INLINE typename I::Vector Silu(typename I::Vector gate) {
  using V = typename I::Vector;
  const V highest = V{} + 88.0f;
  V power = V{} - gate;
  power = power > highest ? highest : power;
  Exponentiate<I>(power);
  return gate / (power + 1.0f);
}

// Rows [row, row + count) of one panel of the result.
template <typename I, Then then, int count>
VITOK_INLINE void Tile(const LinearRows& rows, int64_t row, int64_t panel) {
  using V = typename I::Vector;
  constexpr int kVectors = I::kVectors;
  const float* const x = rows.x + row * rows.x_stride;
  const float* const weight = rows.weight + panel * rows.inputs * kLinearPanel;
  V sum[count][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < count; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) sum[r][v] = V{};
  }
  for (int64_t k = 0; k < rows.inputs; ++k) {
    V right[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) right[v] = LoadVector<I>(weight + k * kLinearPanel + v * I::kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < count; ++r) {
      const float left = x[r * rows.x_stride + k];
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) sum[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < count; ++r) {
    const float scale = rows.scale != nullptr ? rows.scale[row + r] : 1.0f;
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) {
      sum[r][v] *= scale;
      if (rows.bias != nullptr) sum[r][v] += LoadVector<I>(rows.bias + panel * kLinearPanel + v * I::kLanes);
    }
    constexpr int kColumns = then == Then::kSwiGlu ? kLinearPanel / 2 : kLinearPanel;
    constexpr int kResults = kColumns / I::kLanes;
    const int64_t left = rows.outputs - panel * kColumns;
    float* const y = rows.y + (row + r) * rows.y_stride + panel * kColumns;
#pragma GCC unroll 16
    for (int v = 0; v < kResults; ++v) {
      if constexpr (then == Then::kSwiGlu) sum[r][v] *= Silu<I>(sum[r][v + kResults]);
      StoreLanes<I, then>(sum[r][v], left - v * I::kLanes, y + v * I::kLanes);
    }
  }
}

template <typename I, Then then>
VITOK_INLINE void Run(const LinearRows& rows) {
  constexpr int64_t kColumns = then == Then::kSwiGlu ? kLinearPanel / 2 : kLinearPanel;
  const int64_t panels = (rows.outputs + kColumns - 1) / kColumns;
  for (int64_t panel = 0; panel < panels; ++panel) {
    int64_t row = 0;
    for (; row + I::kRows <= rows.rows; row += I::kRows) Tile<I, then, I::kRows>(rows, row, panel);
    for (; row < rows.rows; ++row) Tile<I, then, 1>(rows, row, panel);
  }
}

template <Then then>
VITOK_TARGET_AVX512 void RunAvx512(const LinearRows& rows) {
  Run<Isa<Float16, 8>, then>(rows);
}
template <Then then>
VITOK_TARGET_AVX2 void RunAvx2(const LinearRows& rows) {
  Run<Isa<Float8, 2>, then>(rows);
}
template <Then then>
void RunBaseline(const LinearRows& rows) {
  Run<Isa<Float4, 1>, then>(rows);
}

template <Then then>
void RunFastest(const LinearRows& rows) {
  static const auto kernel = FastestOnThisCpu(&RunAvx512<then>, &RunAvx2<then>, &RunBaseline<then>);
  kernel(rows);
}

}  // namespace

void RunLinear(const LinearRows& rows) { RunFastest<Then::kStore>(rows); }
void RunLinearAdd(const LinearRows& rows) { RunFastest<Then::kAdd>(rows); }
void RunLinearSwiGlu(const LinearRows& rows) { RunFastest<Then::kSwiGlu>(rows); }

}  // namespace vitok
