// The way of WGMMA's results in bfloat16 to memory, through shared memory, so that neighbouring lanes store neighbours
// in a row: 16 bytes each, where a thread has 4 of every 16.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "core/ops/rows_cuda.cuh"
#include "cute/arch/util.hpp"

namespace vitok {

inline constexpr int kGroup = 8;         // columns that the four lanes of a row hold in neighbouring pairs
inline constexpr int kRowsOfThread = 4;  // of 128 rows of a warpgroup

// The pairs of a thread, in rows and groups.
template <int kGroups>
using StagedWords = uint32_t[kRowsOfThread][kGroups];

// What each warp of a warpgroup has of 128 rows: 8 rows for each of a thread's. Rows are 16 bytes longer than needed,
// so that 8 of them begin in different banks.
struct StagedRows {
  static constexpr int kMaxColumns = 64;
  alignas(16) __nv_bfloat16 rows[4][kRowsOfThread][8][kMaxColumns + 8];
};

// Four matrices of 8 rows and 8 columns, of which each lane has two values in each word. Lanes 8 · i to 8 · i + 7 give
// the places of the rows of matrix i.
__device__ __forceinline__ void StoreMatrices(uint32_t a, uint32_t b, uint32_t c, uint32_t d, __nv_bfloat16* row) {
  asm volatile(
      "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(cute::cast_smem_ptr_to_uint(row)),
      "r"(a), "r"(b), "r"(c), "r"(d)
      : "memory");
}

// One predicated instruction, where an `if` around a store becomes a branch.
__device__ __forceinline__ void StoreIf(bool active, uint4 vector, __nv_bfloat16* to) {
  asm volatile(
      "{\n"
      ".reg .pred active;\n"
      "setp.ne.b32 active, %0, 0;\n"
      "@active st.global.v4.b32 [%1], {%2, %3, %4, %5};\n"
      "}\n" ::"r"(static_cast<int>(active)),
      "l"(to), "r"(vector.x), "r"(vector.y), "r"(vector.z), "r"(vector.w)
      : "memory");
}

// Stores the warp's part of columns [column, column + 8 · kGroups) of [rows, columns] at `to`, `stride` apart; its
// first row is first_row. All lanes must come here; `thread` of the warpgroup.
template <int kGroups>
__device__ __forceinline__ void StoreThrough(StagedRows& staging, int thread, const StagedWords<kGroups>& words,
                                             void* to, int64_t stride, int first_row, int rows, int column,
                                             int columns) {
  const int lane = thread % kWarp;
  auto& staged = staging.rows[thread / kWarp];
  __syncwarp();  // what was there has been read
#pragma unroll
  for (int i = 0; i < kRowsOfThread; ++i) {
#pragma unroll
    for (int group = 0; group < kGroups; group += 4) {
      StoreMatrices(words[i][group], words[i][group + 1], words[i][group + 2], words[i][group + 3],
                    &staged[i][lane % 8][(group + lane / 8) * kGroup]);
    }
  }
  __syncwarp();
  const int row = lane / kGroups, group = lane % kGroups;
  column += group * kGroup;
  __nv_bfloat16* const out = static_cast<__nv_bfloat16*>(to) + (first_row + row) * stride + column;
  const int rows_left = column < columns ? rows - first_row - row : 0;
#pragma unroll
  for (int i = 0; i < kRowsOfThread; ++i) {
#pragma unroll
    for (int k = 0; k < 8; k += kWarp / kGroups) {
      const int offset = i / 2 * 64 + i % 2 * 8 + k;  // as WGMMA lays rows out
      StoreIf(offset < rows_left, *reinterpret_cast<const uint4*>(&staged[i][row + k][group * kGroup]),
              out + offset * stride);
    }
  }
}

}  // namespace vitok
