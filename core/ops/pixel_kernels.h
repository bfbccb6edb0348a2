// The loops over pixels between 8-bit pictures and float patches, each in one pass, for several instruction sets, which
// all give the same bits. Free of torch. Thread-safe; each call runs on its own thread alone.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace vitok {

// How values in [0, 1] become those that a model takes: (x - mean) / std by channel.
enum class NormalizeMode { kMinusOneToOne, kImagenet, kZeroToOne };

// Of the values of a channel, which are in [0, 1].
struct ChannelStatistics {
  std::array<float, 3> mean, std;
};

ChannelStatistics StatisticsOf(NormalizeMode mode);

// An 8-bit RGB picture in memory of somebody else, rows from the top, no padding between them.
struct PixelView {
  const uint8_t* pixels_HWC = nullptr;
  int64_t height_px = 0;
  int64_t width_px = 0;
};

// Patches and where in the picture they lie.
struct PlacedPatches {
  const float* patches_ND = nullptr;  // N * 3 * P * P values, vector order channel, y, x
  const int32_t* row_N = nullptr;     // 0 or more, in patches
  const int32_t* col_N = nullptr;     // likewise
  int64_t tokens = 0;                 // N
  int64_t patch_px = 0;               // P
};

struct PixelKernels {
  // Writes the patches of `image`, row by row: ceil(H/P) * ceil(W/P) * 3 * P * P values, vector order channel, y, x. A
  // byte b becomes (b / 255 - mean) / std, each operation rounded to float32; values outside the picture are 0.
  void (*bytes_to_patches)(const ChannelStatistics& statistics, PixelView image, int64_t patch_px, float* patches_ND);

  // Writes a picture of height_px * width_px pixels: x becomes round((clamp(x, -1, 1) + 1) * 127.5), half to even; NaN
  // becomes some byte. Parts of patches outside the picture are left out, pixels without a patch stay as they are.
  // Returns whether all values are finite, those outside the picture too.
  bool (*patches_to_bytes)(const PlacedPatches& patches, int64_t height_px, int64_t width_px, uint8_t* pixels_HWC);
};

const PixelKernels& FastestPixelKernels();

// All that run on this CPU, the fastest last.
std::vector<PixelKernels> UsablePixelKernels();

}  // namespace vitok
