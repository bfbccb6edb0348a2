#include "core/image/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/image/resample_kernels.h"

namespace vitok {
namespace {

constexpr int64_t kChannels = 3;

double BoxFilter(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double BilinearFilter(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double BicubicFilter(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double Sinc(double x) {
  if (x == 0.0) return 1.0;
  x *= M_PI;
  return std::sin(x) / x;
}

double LanczosFilter(double x) { return x >= -3.0 && x < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0; }

struct Kernel {
  double (*weight)(double);
  double support;
};

Kernel KernelOf(ResampleFilter filter) {
  switch (filter) {
    case ResampleFilter::kBox: return {BoxFilter, 0.5};
    case ResampleFilter::kBilinear: return {BilinearFilter, 1.0};
    case ResampleFilter::kBicubic: return {BicubicFilter, 2.0};
    case ResampleFilter::kLanczos: break;
  }
  return {LanczosFilter, 3.0};
}

int32_t ToFixedPoint(double weight) {
  const double scaled = weight * (1 << kResamplePrecisionBits);
  return static_cast<int32_t>(scaled + (weight < 0 ? -0.5 : 0.5));
}

// Rows of 3-byte pixels in memory of somebody else.
struct PixelRows {
  const uint8_t* pixels = nullptr;
  int64_t stride_bytes = 0;
  int64_t height_px = 0, width_px = 0;

  const uint8_t* at(int64_t row, int64_t col) const { return pixels + row * stride_bytes + col * kChannels; }
};

// Rows [first_row, first_row + out.height_px) of `in`, resampled along x; out.width_px pixels by `taps`. Sixteen rows
// at a time: their pixels are laid out column by column, so that one weight goes with neighbouring bytes.
void ResampleRows(const PixelRows& in, int64_t first_row, const ResampleTaps& taps, RgbImage& out) {
  const ResampleKernels& kernels = FastestResampleKernels();
  const int64_t first_col = taps.first.front(), out_bytes = out.width_px * kChannels;
  const int64_t in_cols = taps.first.back() + static_cast<int64_t>(taps.weights.back().size()) - first_col;
  std::vector<uint8_t> in_columns(in_cols * kResampleBlockBytes), out_columns(out.width_px * kResampleBlockBytes);
  std::vector<uint8_t> beyond(out_bytes);  // takes the rows of the last block that do not exist
  for (int64_t top = 0; top < out.height_px; top += kResampleRows) {
    std::array<const uint8_t*, kResampleRows> in_rows;
    std::array<uint8_t*, kResampleRows> out_rows;
    for (int64_t i = 0; i < kResampleRows; ++i) {
      const int64_t row = std::min<int64_t>(top + i, out.height_px - 1);
      in_rows[i] = in.at(first_row + row, first_col);
      out_rows[i] = row < top + i ? beyond.data() : out.pixels_HWC.data() + row * out_bytes;
    }
    RowsToColumns(in_rows.data(), in_cols * kChannels, in_columns.data());
    for (int64_t x = 0; x < out.width_px; ++x) {
      const std::vector<int32_t>& weights = taps.weights[x];
      kernels.weigh_block(in_columns.data() + (taps.first[x] - first_col) * kResampleBlockBytes, kResampleBlockBytes,
                          weights.data(), static_cast<int64_t>(weights.size()),
                          out_columns.data() + x * kResampleBlockBytes);
    }
    ColumnsToRows(out_columns.data(), out_bytes, out_rows.data());
  }
}

// Along y; `taps` count rows of the whole picture, of which `image` holds those from first_row on.
void ResampleColumns(RgbView image, int64_t first_row, const ResampleTaps& taps, RgbImage& out) {
  const ResampleKernels& kernels = FastestResampleKernels();
  const int64_t row_bytes = out.width_px * kChannels;
  for (int64_t y = 0; y < out.height_px; ++y) {
    const std::vector<int32_t>& weights = taps.weights[y];
    WeighBytes(kernels, image.pixels_HWC + (taps.first[y] - first_row) * row_bytes, row_bytes, weights.data(),
               static_cast<int64_t>(weights.size()), row_bytes, out.pixels_HWC.data() + y * row_bytes);
  }
}

// Rows [first_row, first_row + out.height_px), columns [left, left + out.width_px).
void CopyRows(const PixelRows& in, int64_t first_row, int64_t left, RgbImage& out) {
  const int64_t row_bytes = out.width_px * kChannels;
  for (int64_t y = 0; y < out.height_px; ++y) {
    std::memcpy(out.pixels_HWC.data() + y * row_bytes, in.at(first_row + y, left), row_bytes);
  }
}

RgbImage ResamplePart(const PixelRows& in, ResampleFilter filter, int64_t out_height_px, int64_t out_width_px,
                      const PixelWindow& window) {
  const bool filter_columns = out_height_px != in.height_px;
  ResampleTaps column_taps;
  // The input rows that the window needs.
  int64_t first_row = window.top, end_row = window.top + window.height_px;
  if (filter_columns) {
    column_taps = ComputeResampleTaps(filter, in.height_px, out_height_px, window.top, end_row);
    first_row = column_taps.first.front();
    end_row = column_taps.first.back() + static_cast<int64_t>(column_taps.weights.back().size());
  }
  RgbImage rows(static_cast<int32_t>(end_row - first_row), window.width_px);
  if (out_width_px != in.width_px) {
    const ResampleTaps row_taps =
        ComputeResampleTaps(filter, in.width_px, out_width_px, window.left, window.left + window.width_px);
    ResampleRows(in, first_row, row_taps, rows);
  } else {
    CopyRows(in, first_row, window.left, rows);
  }
  if (!filter_columns) return rows;
  RgbImage out(window.height_px, window.width_px);
  ResampleColumns(rows, first_row, column_taps, out);
  return out;
}

}  // namespace

ResampleTaps ComputeResampleTaps(ResampleFilter filter, int64_t in_px, int64_t out_px, int64_t begin, int64_t end) {
  const Kernel kernel = KernelOf(filter);
  const double scale = static_cast<double>(in_px) / static_cast<double>(out_px);
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.support * filter_scale;
  const double inverse_filter_scale = 1.0 / filter_scale;
  ResampleTaps taps;
  std::vector<double> weights;
  for (int64_t i = begin; i < end; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const int64_t last = std::min<int64_t>(in_px, static_cast<int64_t>(center + support + 0.5));
    weights.clear();
    double sum = 0.0;
    for (int64_t j = 0; j < last - first; ++j) {
      weights.push_back(kernel.weight((static_cast<double>(j + first) - center + 0.5) * inverse_filter_scale));
      sum += weights.back();
    }
    std::vector<int32_t> fixed(weights.size());
    std::transform(weights.begin(), weights.end(), fixed.begin(),
                   [&](double weight) { return ToFixedPoint(sum != 0.0 ? weight / sum : weight); });
    taps.first.push_back(static_cast<int32_t>(first));
    taps.weights.push_back(std::move(fixed));
  }
  return taps;
}

RgbImage ResampleWindow(RgbView image, ResampleFilter filter, int64_t out_height_px, int64_t out_width_px,
                        const PixelWindow& window) {
  const PixelRows in = {image.pixels_HWC, image.width_px * kChannels, image.height_px, image.width_px};
  return ResamplePart(in, filter, out_height_px, out_width_px, window);
}

RgbImage ResampleBox(RgbView image, const PixelWindow& box, ResampleFilter filter, int32_t out_height_px,
                     int32_t out_width_px) {
  const int64_t stride_bytes = image.width_px * kChannels;
  const PixelRows in = {image.pixels_HWC + box.top * stride_bytes + box.left * kChannels, stride_bytes, box.height_px,
                        box.width_px};
  return ResamplePart(in, filter, out_height_px, out_width_px, {0, 0, out_height_px, out_width_px});
}

RgbImage Resample(RgbView image, ResampleFilter filter, int32_t out_height_px, int32_t out_width_px) {
  return ResampleBox(image, {0, 0, image.height_px, image.width_px}, filter, out_height_px, out_width_px);
}

}  // namespace vitok
