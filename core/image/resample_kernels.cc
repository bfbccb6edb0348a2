// A block of sums stays in registers while its bytes are weighed.
#include "core/image/resample_kernels.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/ops/simd.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace vitok {
namespace {

constexpr int32_t kHalf = 1 << (kResamplePrecisionBits - 1);

uint8_t ToByte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kResamplePrecisionBits, 0, 255)); }

void WeighBlock(const uint8_t* in, int64_t stride, const int32_t* weights, int64_t count, uint8_t* out) {
  std::array<int32_t, kResampleBlockBytes> sums;
  sums.fill(kHalf);
  for (int64_t j = 0; j < count; ++j, in += stride) {
    for (int64_t i = 0; i < kResampleBlockBytes; ++i) sums[i] += weights[j] * in[i];
  }
  std::transform(sums.begin(), sums.end(), out, ToByte);
}

constexpr ResampleKernels kBaseline = {WeighBlock};

#if defined(__x86_64__)

VITOK_TARGET_AVX2 void WeighBlockAvx2(const uint8_t* in, int64_t stride, const int32_t* weights, int64_t count,
                                      uint8_t* out) {
  constexpr int kVectors = kResampleBlockBytes / 8;
  __m256i sums[kVectors];
#pragma GCC unroll 6
  for (int v = 0; v < kVectors; ++v) sums[v] = _mm256_set1_epi32(kHalf);
  for (int64_t j = 0; j < count; ++j, in += stride) {
    const __m256i weight = _mm256_set1_epi32(weights[j]);
#pragma GCC unroll 6
    for (int v = 0; v < kVectors; ++v) {
      const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(in + 8 * v)));
      sums[v] = _mm256_add_epi32(sums[v], _mm256_mullo_epi32(bytes, weight));
    }
  }
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; v += 2) {
    // Packing clamps.
    const __m256i packed = _mm256_packs_epi32(_mm256_srai_epi32(sums[v], kResamplePrecisionBits),
                                              _mm256_srai_epi32(sums[v + 1], kResamplePrecisionBits));
    const __m256i words = _mm256_permute4x64_epi64(packed, 0xD8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 8 * v), bytes);
  }
}

VITOK_TARGET_AVX512 void WeighBlockAvx512(const uint8_t* in, int64_t stride, const int32_t* weights, int64_t count,
                                          uint8_t* out) {
  constexpr int kVectors = kResampleBlockBytes / 16;
  __m512i sums[kVectors];
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) sums[v] = _mm512_set1_epi32(kHalf);
  for (int64_t j = 0; j < count; ++j, in += stride) {
    const __m512i weight = _mm512_set1_epi32(weights[j]);
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + 16 * v)));
      sums[v] = _mm512_add_epi32(sums[v], _mm512_mullo_epi32(bytes, weight));
    }
  }
#pragma GCC unroll 3
  for (int v = 0; v < kVectors; ++v) {
    const __m512i values = _mm512_max_epi32(_mm512_srai_epi32(sums[v], kResamplePrecisionBits), _mm512_setzero_si512());
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 16 * v), _mm512_cvtusepi32_epi8(values));
  }
}

constexpr ResampleKernels kAvx2 = {WeighBlockAvx2};
constexpr ResampleKernels kAvx512 = {WeighBlockAvx512};
#else
constexpr const ResampleKernels& kAvx2 = kBaseline;
constexpr const ResampleKernels& kAvx512 = kBaseline;
#endif

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
using Square = std::array<Bytes16, kResampleRows>;

// Rows become columns. Interleaving the first half of the rows with the second turns the address of a byte, row and
// column of four bits each, by one bit; four times exchange the two.
VITOK_INLINE void Transpose(Square& square) {
#pragma GCC unroll 4
  for (int turn = 0; turn < 4; ++turn) {
    Square next;
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      const Bytes16 a = square[i], b = square[i + 8];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    square = next;
  }
}

}  // namespace

const ResampleKernels& FastestResampleKernels() {
  static const ResampleKernels* const fastest = FastestOnThisCpu(&kAvx512, &kAvx2, &kBaseline);
  return *fastest;
}

std::vector<ResampleKernels> UsableResampleKernels() {
  std::vector<ResampleKernels> usable = {kBaseline};
  const ResampleKernels* const fastest = &FastestResampleKernels();
  if (fastest != &kBaseline) usable.push_back(kAvx2);
  if (fastest == &kAvx512) usable.push_back(kAvx512);
  return usable;
}

void WeighBytes(const ResampleKernels& kernels, const uint8_t* in, int64_t stride, const int32_t* weights,
                int64_t count, int64_t size, uint8_t* out) {
  int64_t i = 0;
  for (; i + kResampleBlockBytes <= size; i += kResampleBlockBytes) {
    kernels.weigh_block(in + i, stride, weights, count, out + i);
  }
  if (i == size) return;
  if (i > 0) {  // the last block overlaps the one before it
    i = size - kResampleBlockBytes;
    kernels.weigh_block(in + i, stride, weights, count, out + i);
    return;
  }
  for (; i < size; ++i) {
    int32_t sum = kHalf;
    for (int64_t j = 0; j < count; ++j) sum += weights[j] * in[j * stride + i];
    out[i] = ToByte(sum);
  }
}

void RowsToColumns(const uint8_t* const* rows, int64_t size, uint8_t* columns) {
  int64_t i = 0;
  for (; i + kResampleRows <= size; i += kResampleRows) {
    Square square;
    for (int row = 0; row < kResampleRows; ++row) std::memcpy(&square[row], rows[row] + i, sizeof(Bytes16));
    Transpose(square);
    std::memcpy(columns + i * kResampleRows, square.data(), sizeof(square));
  }
  for (; i < size; ++i) {
    for (int row = 0; row < kResampleRows; ++row) columns[i * kResampleRows + row] = rows[row][i];
  }
}

void ColumnsToRows(const uint8_t* columns, int64_t size, uint8_t* const* rows) {
  int64_t i = 0;
  for (; i + kResampleRows <= size; i += kResampleRows) {
    Square square;
    std::memcpy(square.data(), columns + i * kResampleRows, sizeof(square));
    Transpose(square);
    for (int row = 0; row < kResampleRows; ++row) std::memcpy(rows[row] + i, &square[row], sizeof(Bytes16));
  }
  for (; i < size; ++i) {
    for (int row = 0; row < kResampleRows; ++row) rows[row][i] = columns[i * kResampleRows + row];
  }
}

}  // namespace vitok
