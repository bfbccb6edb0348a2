// The inner loops of resampling for several instruction sets, which all give the same bytes. Free of torch.
// Thread-safe; each call runs on its own thread alone.
#pragma once

#include <cstdint>
#include <vector>

namespace vitok {

// Weights have 22 fractional bits: 32 minus 8 bits of pixel minus 2 bits against overflow.
inline constexpr int kResamplePrecisionBits = 22;

// Bytes that are weighed together: the pixel of sixteen rows.
inline constexpr int64_t kResampleRows = 16;
inline constexpr int64_t kResampleBlockBytes = 3 * kResampleRows;

struct ResampleKernels {
  // out[i] = clamp((2^21 + sum over j of weights[j] * in[j * stride + i]) >> 22, 0, 255) for i in
  // [0, kResampleBlockBytes).
  void (*weigh_block)(const uint8_t* in, int64_t stride, const int32_t* weights, int64_t count, uint8_t* out);
};

const ResampleKernels& FastestResampleKernels();

// All that run on this CPU, the fastest last.
std::vector<ResampleKernels> UsableResampleKernels();

// The same for i in [0, size). `in` and `out` must not overlap.
void WeighBytes(const ResampleKernels& kernels, const uint8_t* in, int64_t stride, const int32_t* weights,
                int64_t count, int64_t size, uint8_t* out);

// Bytes [0, size) of kResampleRows rows, byte by byte: columns[i * kResampleRows + row] = rows[row][i].
void RowsToColumns(const uint8_t* const* rows, int64_t size, uint8_t* columns);

// Back: rows[row][i] = columns[i * kResampleRows + row].
void ColumnsToRows(const uint8_t* columns, int64_t size, uint8_t* const* rows);

}  // namespace vitok
