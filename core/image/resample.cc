#include "core/image/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vitok {
namespace {

constexpr int kPrecisionBits = 22;  // 32 minus 8 bits of pixel minus 2 bits against overflow
constexpr int64_t kChannels = 3;

double BoxFilter(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

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
    case ResampleFilter::kBicubic: return {BicubicFilter, 2.0};
    case ResampleFilter::kLanczos: break;
  }
  return {LanczosFilter, 3.0};
}

int32_t ToFixedPoint(double weight) {
  const double scaled = weight * (1 << kPrecisionBits);
  return static_cast<int32_t>(scaled + (weight < 0 ? -0.5 : 0.5));
}

uint8_t ToByte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255)); }

// Rows [first_row, first_row + out.height_px) of `image`, resampled along x; out.width_px pixels by `taps`.
void ResampleRows(RgbView image, int64_t first_row, const ResampleTaps& taps, RgbImage& out) {
  for (int64_t y = 0; y < out.height_px; ++y) {
    const uint8_t* in_row = image.pixels_HWC + (first_row + y) * image.width_px * kChannels;
    uint8_t* out_pixel = out.pixels_HWC.data() + y * out.width_px * kChannels;
    for (int64_t x = 0; x < out.width_px; ++x, out_pixel += kChannels) {
      const uint8_t* in = in_row + taps.first[x] * kChannels;
      int32_t red = 1 << (kPrecisionBits - 1), green = red, blue = red;
      for (const int32_t weight : taps.weights[x]) {
        red += weight * in[0];
        green += weight * in[1];
        blue += weight * in[2];
        in += kChannels;
      }
      out_pixel[0] = ToByte(red);
      out_pixel[1] = ToByte(green);
      out_pixel[2] = ToByte(blue);
    }
  }
}

// Along y; `taps` count rows of the whole picture, of which `image` holds those from first_row on.
void ResampleColumns(RgbView image, int64_t first_row, const ResampleTaps& taps, RgbImage& out) {
  const int64_t row_bytes = out.width_px * kChannels;
  std::vector<int32_t> sums(row_bytes);
  for (int64_t y = 0; y < out.height_px; ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (kPrecisionBits - 1));
    const uint8_t* in = image.pixels_HWC + (taps.first[y] - first_row) * row_bytes;
    for (const int32_t weight : taps.weights[y]) {
      for (int64_t i = 0; i < row_bytes; ++i) sums[i] += weight * in[i];
      in += row_bytes;
    }
    std::transform(sums.begin(), sums.end(), out.pixels_HWC.data() + y * row_bytes, ToByte);
  }
}

// Rows [first_row, first_row + out.height_px), columns [left, left + out.width_px).
void CopyRows(RgbView image, int64_t first_row, int64_t left, RgbImage& out) {
  const int64_t row_bytes = out.width_px * kChannels;
  for (int64_t y = 0; y < out.height_px; ++y) {
    const uint8_t* in = image.pixels_HWC + ((first_row + y) * image.width_px + left) * kChannels;
    std::memcpy(out.pixels_HWC.data() + y * row_bytes, in, row_bytes);
  }
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
  const bool filter_columns = out_height_px != image.height_px;
  ResampleTaps column_taps;
  // The input rows that the window needs.
  int64_t first_row = window.top, end_row = window.top + window.height_px;
  if (filter_columns) {
    column_taps = ComputeResampleTaps(filter, image.height_px, out_height_px, window.top, end_row);
    first_row = column_taps.first.front();
    end_row = column_taps.first.back() + static_cast<int64_t>(column_taps.weights.back().size());
  }
  RgbImage rows(static_cast<int32_t>(end_row - first_row), window.width_px);
  if (out_width_px != image.width_px) {
    const ResampleTaps row_taps =
        ComputeResampleTaps(filter, image.width_px, out_width_px, window.left, window.left + window.width_px);
    ResampleRows(image, first_row, row_taps, rows);
  } else {
    CopyRows(image, first_row, window.left, rows);
  }
  if (!filter_columns) return rows;
  RgbImage out(window.height_px, window.width_px);
  ResampleColumns(rows, first_row, column_taps, out);
  return out;
}

RgbImage Resample(RgbView image, ResampleFilter filter, int32_t out_height_px, int32_t out_width_px) {
  return ResampleWindow(image, filter, out_height_px, out_width_px, {0, 0, out_height_px, out_width_px});
}

}  // namespace vitok
