// Both directions go patch by patch, so that floats are read and written from one end of memory to the other, and a
// patch is in the L1 cache for its check. A vector holds one channel of 16 (8, 4) pixels; three of them and a vector of
// packed pixels, 0x??BBGGRR, convert into each other by shifts. Compiled without contraction of a * b + c: the
// roundings are those of separate operations.
#include "core/ops/pixel_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "core/ops/finite.h"
#include "core/ops/simd.h"

namespace vitok {
namespace {

constexpr int64_t kChannels = 3;

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef uint8_t Bytes32 __attribute__((vector_size(32)));
typedef uint8_t Bytes64 __attribute__((vector_size(64)));

// Bytes of a vector to read and write at any address.
template <typename B>
VITOK_INLINE B LoadBytes(const uint8_t* p) {
  B bytes;
  std::memcpy(&bytes, p, sizeof(bytes));
  return bytes;
}

// An instruction set has kLanes pixels a vector. LoadPixels reads kReadBytes bytes, of which the first 3 * kLanes are
// used; StorePixels writes 3 * kLanes. What is too short for a vector is left to Narrower.
struct Baseline : Simd<Float4> {
  using Narrower = void;
  static constexpr int kReadBytes = kLanes * kChannels + 1;

  VITOK_INLINE static void LoadPixels(const uint8_t* in, Int& pixels) {
    for (int i = 0; i < kLanes; ++i) {
      int32_t pixel;
      std::memcpy(&pixel, in + i * kChannels, sizeof(pixel));
      pixels[i] = pixel;
    }
  }

  VITOK_INLINE static void StorePixels(const Int& pixels, uint8_t* out) {
    for (int i = 0; i < kLanes; ++i) {
      const int32_t pixel = pixels[i];
      std::memcpy(out + i * kChannels, &pixel, kChannels);
    }
  }
};

// Within 16 bytes: 12 packed ones to every fourth byte left free, and back. What lands in free bytes is not used.
#define VITOK_SPREAD(at)                                                                                       \
  at, at + 1, at + 2, at + 2, at + 3, at + 4, at + 5, at + 5, at + 6, at + 7, at + 8, at + 8, at + 9, at + 10, \
      at + 11, at + 11
#define VITOK_PACK(at) \
  at, at + 1, at + 2, at + 4, at + 5, at + 6, at + 8, at + 9, at + 10, at + 12, at + 13, at + 14, at, at, at, at

struct Avx2 : Simd<Float8> {
  using Narrower = Baseline;
  static constexpr int kReadBytes = 32;

  VITOK_INLINE static void LoadPixels(const uint8_t* in, Int& pixels) {
    const Int packed = reinterpret_cast<Int>(LoadBytes<Bytes32>(in));
    const Bytes32 lanes = reinterpret_cast<Bytes32>(__builtin_shufflevector(packed, packed, 0, 1, 2, 2, 3, 4, 5, 5));
    pixels = reinterpret_cast<Int>(__builtin_shufflevector(lanes, lanes, VITOK_SPREAD(0), VITOK_SPREAD(16)));
  }

  VITOK_INLINE static void StorePixels(const Int& pixels, uint8_t* out) {
    const Bytes32 bytes = reinterpret_cast<Bytes32>(pixels);
    const Int lanes = reinterpret_cast<Int>(__builtin_shufflevector(bytes, bytes, VITOK_PACK(0), VITOK_PACK(16)));
    const Int packed = __builtin_shufflevector(lanes, lanes, 0, 1, 2, 4, 5, 6, 0, 0);
    std::memcpy(out, &packed, kLanes * kChannels);
  }
};

struct Avx512 : Simd<Float16> {
  using Narrower = Avx2;
  static constexpr int kReadBytes = 64;

  VITOK_INLINE static void LoadPixels(const uint8_t* in, Int& pixels) {
    const Int packed = reinterpret_cast<Int>(LoadBytes<Bytes64>(in));
    const Bytes64 lanes = reinterpret_cast<Bytes64>(
        __builtin_shufflevector(packed, packed, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11));
    pixels = reinterpret_cast<Int>(
        __builtin_shufflevector(lanes, lanes, VITOK_SPREAD(0), VITOK_SPREAD(16), VITOK_SPREAD(32), VITOK_SPREAD(48)));
  }

  VITOK_INLINE static void StorePixels(const Int& pixels, uint8_t* out) {
    const Bytes64 bytes = reinterpret_cast<Bytes64>(pixels);
    const Int lanes = reinterpret_cast<Int>(
        __builtin_shufflevector(bytes, bytes, VITOK_PACK(0), VITOK_PACK(16), VITOK_PACK(32), VITOK_PACK(48)));
    const Int packed = __builtin_shufflevector(lanes, lanes, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 0, 0, 0, 0);
    std::memcpy(out, &packed, kLanes * kChannels);
  }
};

#undef VITOK_SPREAD
#undef VITOK_PACK

// b / 255, correctly rounded: 1 / 255 is 257 / 2^16 and a remainder. The first product is exact, the error of the
// second one too small to matter: b / 255 is never near the middle of two floats.
template <typename V>
VITOK_INLINE void ByteToUnit(V& value) {
  value = value * (257.0f / 65536.0f) + value * (1.0f / 255.0f / 65536.0f);
}

// value = (value / 255 - mean) / std. `divide`: false if std is a power of two, whose reciprocal is exact.
template <bool divide, typename V>
VITOK_INLINE void NormalizeByte(float mean, float std, V& value) {
  ByteToUnit(value);
  value = value - mean;
  value = divide ? value / std : value * (1.0f / std);
}

// One row of one patch: `count` pixels from `in`, of an image that ends at `end`; channels go `plane` values apart.
template <typename I, bool divide>
VITOK_INLINE void ReadRow(const ChannelStatistics& statistics, const uint8_t* in, const uint8_t* end, int64_t count,
                          int64_t plane, float* out) {
  int64_t x = 0;
  for (; x + I::kLanes <= count && end - in >= I::kReadBytes; x += I::kLanes, in += I::kLanes * kChannels) {
    typename I::Int pixels;
    I::LoadPixels(in, pixels);
#pragma GCC unroll 3
    for (int channel = 0; channel < kChannels; ++channel) {
      auto value = __builtin_convertvector((pixels >> (8 * channel)) & 0xFF, typename I::Vector);
      NormalizeByte<divide>(statistics.mean[channel], statistics.std[channel], value);
      StoreVector<I>(value, out + channel * plane + x);
    }
  }
  if constexpr (!std::is_void_v<typename I::Narrower>) {
    ReadRow<typename I::Narrower, divide>(statistics, in, end, count - x, plane, out + x);
  } else {
    for (; x < count; ++x, in += kChannels) {
      for (int channel = 0; channel < kChannels; ++channel) {
        float value = in[channel];
        NormalizeByte<divide>(statistics.mean[channel], statistics.std[channel], value);
        out[channel * plane + x] = value;
      }
    }
  }
}

template <typename I, bool divide>
VITOK_INLINE void ReadRows(const ChannelStatistics& statistics, PixelView image, int64_t patch_px, float* out) {
  const int64_t plane = patch_px * patch_px, row_bytes = image.width_px * kChannels;
  const uint8_t* const end = image.pixels_HWC + image.height_px * row_bytes;
  for (int64_t top = 0; top < image.height_px; top += patch_px) {
    const int64_t height = std::min(patch_px, image.height_px - top);
    for (int64_t left = 0; left < image.width_px; left += patch_px, out += kChannels * plane) {
      const int64_t width = std::min(patch_px, image.width_px - left);
      if (height < patch_px || width < patch_px) std::fill(out, out + kChannels * plane, 0.0f);
      const uint8_t* in = image.pixels_HWC + top * row_bytes + left * kChannels;
      for (int64_t y = 0; y < height; ++y, in += row_bytes) {
        ReadRow<I, divide>(statistics, in, end, width, plane, out + y * patch_px);
      }
    }
  }
}

// The byte of a value is in the low bits of the result: adding 1.5 * 2^23 rounds half to even and leaves it there.
template <typename V>
VITOK_INLINE V ToByteBits(V value) {
  value = value < -1.0f ? V{} - 1.0f : value;
  value = value > 1.0f ? V{} + 1.0f : value;
  return (value + 1.0f) * 127.5f + kRoundToInteger;
}

// One row of one patch, the other way.
template <typename I>
VITOK_INLINE void WriteRow(const float* in, int64_t plane, int64_t count, uint8_t* out) {
  int64_t x = 0;
  for (; x + I::kLanes <= count; x += I::kLanes, out += I::kLanes * kChannels) {
    typename I::Int pixels{};
#pragma GCC unroll 3
    for (int channel = 0; channel < kChannels; ++channel) {
      const auto value = ToByteBits(LoadVector<I>(in + channel * plane + x));
      pixels |= (reinterpret_cast<typename I::Int>(value) & 0xFF) << (8 * channel);
    }
    I::StorePixels(pixels, out);
  }
  if constexpr (!std::is_void_v<typename I::Narrower>) {
    WriteRow<typename I::Narrower>(in + x, plane, count - x, out);
  } else {
    for (; x < count; ++x, out += kChannels) {
      for (int channel = 0; channel < kChannels; ++channel) {
        out[channel] = static_cast<uint8_t>(std::bit_cast<uint32_t>(ToByteBits(in[channel * plane + x])));
      }
    }
  }
}

template <typename I>
VITOK_INLINE bool WritePatches(const PlacedPatches& patches, int64_t height_px, int64_t width_px, uint8_t* out) {
  const int64_t patch_px = patches.patch_px, plane = patch_px * patch_px;
  const float* in = patches.patches_ND;
  bool finite = true;
  for (int64_t token = 0; token < patches.tokens; ++token, in += kChannels * plane) {
    finite &= AllFinite(in, kChannels * plane);
    const int64_t top = patches.row_N[token] * patch_px, left = patches.col_N[token] * patch_px;
    const int64_t height = std::min(patch_px, height_px - top), width = std::min(patch_px, width_px - left);
    for (int64_t y = 0; y < height; ++y) {
      WriteRow<I>(in + y * patch_px, plane, width, out + ((top + y) * width_px + left) * kChannels);
    }
  }
  return finite;
}

bool HasExactReciprocal(float value) {
  int exponent = 0;
  return std::frexp(value, &exponent) == 0.5f;
}

template <typename I>
VITOK_INLINE void ReadPatches(const ChannelStatistics& statistics, PixelView image, int64_t patch_px, float* out) {
  if (std::all_of(statistics.std.begin(), statistics.std.end(), HasExactReciprocal)) {
    ReadRows<I, false>(statistics, image, patch_px, out);
  } else {
    ReadRows<I, true>(statistics, image, patch_px, out);
  }
}

VITOK_TARGET_AVX512 void ReadAvx512(const ChannelStatistics& statistics, PixelView image, int64_t patch_px,
                                    float* out) {
  ReadPatches<Avx512>(statistics, image, patch_px, out);
}
VITOK_TARGET_AVX2 void ReadAvx2(const ChannelStatistics& statistics, PixelView image, int64_t patch_px, float* out) {
  ReadPatches<Avx2>(statistics, image, patch_px, out);
}
void ReadBaseline(const ChannelStatistics& statistics, PixelView image, int64_t patch_px, float* out) {
  ReadPatches<Baseline>(statistics, image, patch_px, out);
}

VITOK_TARGET_AVX512 bool WriteAvx512(const PlacedPatches& patches, int64_t height_px, int64_t width_px, uint8_t* out) {
  return WritePatches<Avx512>(patches, height_px, width_px, out);
}
VITOK_TARGET_AVX2 bool WriteAvx2(const PlacedPatches& patches, int64_t height_px, int64_t width_px, uint8_t* out) {
  return WritePatches<Avx2>(patches, height_px, width_px, out);
}
bool WriteBaseline(const PlacedPatches& patches, int64_t height_px, int64_t width_px, uint8_t* out) {
  return WritePatches<Baseline>(patches, height_px, width_px, out);
}

constexpr PixelKernels kAvx512 = {ReadAvx512, WriteAvx512};
constexpr PixelKernels kAvx2 = {ReadAvx2, WriteAvx2};
constexpr PixelKernels kBaseline = {ReadBaseline, WriteBaseline};

}  // namespace

ChannelStatistics StatisticsOf(NormalizeMode mode) {
  switch (mode) {
    case NormalizeMode::kMinusOneToOne: return {{0.5f, 0.5f, 0.5f}, {0.5f, 0.5f, 0.5f}};
    case NormalizeMode::kImagenet: return {{0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
    case NormalizeMode::kZeroToOne: break;
  }
  return {{0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}};
}

const PixelKernels& FastestPixelKernels() {
  static const PixelKernels* const fastest = FastestOnThisCpu(&kAvx512, &kAvx2, &kBaseline);
  return *fastest;
}

std::vector<PixelKernels> UsablePixelKernels() {
  std::vector<PixelKernels> usable = {kBaseline};
  const PixelKernels* const fastest = &FastestPixelKernels();
  if (fastest != &kBaseline) usable.push_back(kAvx2);
  if (fastest == &kAvx512) usable.push_back(kAvx512);
  return usable;
}

}  // namespace vitok
