// One thread works on 8 neighbouring pixels of a patch (on one where the patch side is no multiple of 8): 24 bytes of
// the picture and three times 8 values of the patch. At a side of 16 a warp holds one patch, so that its values are
// read and written in runs of 512 bytes (2 bytes a value); bytes of one picture row lie in neighbouring warps and meet
// in the L2 cache. Pictures may have any width: words at odd addresses are put together from two aligned ones.
//
// Bound by memory: 3 bytes a pixel on one side, 6 (or 12) on the other. The bits are those of
// core/ops/pixel_kernels.cc: every operation rounds alone (the _rn intrinsics are never contracted).
#include "core/ops/pixel_patches_cuda.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "core/ops/pixel_bytes_cuda.cuh"

namespace vitok {
namespace {

constexpr int kChannels = 3;
constexpr int kThreads = 256;
constexpr int kWidePixels = 8;
constexpr int kModes = 3;
constexpr uint8_t kByteOfZero = 128;
constexpr float kRoundToInteger =
    12582912.0f;  // 1.5 * 2^23: adding it rounds half to even and leaves the integer's bits

struct Statistics {
  float mean[kModes][kChannels];
  float std[kModes][kChannels];
};

__device__ __forceinline__ void Store(float value, float* out) { *out = value; }
__device__ __forceinline__ void Store(float value, __nv_bfloat16* out) { *out = __float2bfloat16_rn(value); }
__device__ __forceinline__ void Store(float value, __half* out) { *out = __float2half_rn(value); }
__device__ __forceinline__ float Load(float value) { return value; }
__device__ __forceinline__ float Load(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ __forceinline__ float Load(__half value) { return __half2float(value); }

// Values of the patch, moved in pieces of 16 bytes where there are that many.
template <typename T, int kPixels>
struct alignas(kPixels * sizeof(T) < 16 ? kPixels * sizeof(T) : 16) Values {
  T values[kPixels];
};

// The last image that begins at or before `token`. Most batches hold images of one size: the first guess is then right.
__device__ __forceinline__ int64_t ImageOf(const PixelBatch& batch, int64_t token) {
  int64_t low = 0, high = batch.images;  // low begins at or before it, high (if it is there) behind it
  int64_t middle = token * batch.images / batch.tokens;
  while (high - low > 1) {
    if (batch.spans_I[middle].first_token <= token) {
      low = middle;
      if (middle + 1 < high && batch.spans_I[middle + 1].first_token > token) return middle;
    } else {
      high = middle;
    }
    middle = low + (high - low) / 2;
  }
  return low;
}

// A piece of a patch that one thread works on.
struct Piece {
  int64_t image;
  PixelSpan span;
  int64_t token;     // in the batch
  int64_t in_image;  // the token's number there

  __device__ Piece(const PixelBatch& batch, int64_t of_token)
      : image(ImageOf(batch, of_token)),
        span(batch.spans_I[image]),
        token(of_token),
        in_image(of_token - span.first_token) {}

  __device__ bool is_padding() const { return in_image >= int64_t{span.grid_rows} * span.grid_cols; }
};

__device__ __forceinline__ float Normalize(uint32_t byte, float mean, float std) {
  const float value = static_cast<float>(byte);
  // b / 255, correctly rounded: 1 / 255 is 257 / 2^16 and a remainder (core/ops/pixel_kernels.cc).
  const float unit = __fadd_rn(__fmul_rn(value, 257.0f / 65536.0f), __fmul_rn(value, 1.0f / 255.0f / 65536.0f));
  const float centred = __fsub_rn(unit, mean);
  if (std == 0.5f) return __fmul_rn(centred, 2.0f);  // exact, and the usual case; a division takes a dozen instructions
  return __fdiv_rn(centred, std);
}

// Blocks are (threads of a token, tokens).
template <typename T, int kPixels>
__global__ void __launch_bounds__(kThreads)
    ReadPictures(PixelBatch batch, const __grid_constant__ Statistics statistics, const uint8_t* __restrict__ bytes_B,
                 T* __restrict__ patches_TD, int32_t* __restrict__ row_T, int32_t* __restrict__ col_T) {
  const int64_t token = int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (token >= batch.tokens) return;
  const Piece piece(batch, token);
  const PixelSpan& span = piece.span;
  if (span.first_byte < 0) return;
  const bool padding = piece.is_padding();
  const int row = padding ? 0 : static_cast<int>(piece.in_image / span.grid_cols);
  const int col = padding ? 0 : static_cast<int>(piece.in_image % span.grid_cols);
  if (threadIdx.x == 0) {
    row_T[token] = row;
    col_T[token] = col;
  }
  const int side = batch.patch_px, pieces_in_row = side / kPixels;
  const int64_t plane = int64_t{side} * side;
  T* const patch_D = patches_TD + token * kChannels * plane;
  const int mode = static_cast<int>(span.normalize);
  const uint8_t* const picture = bytes_B + span.first_byte;
  for (int i = threadIdx.x; i < side * pieces_in_row; i += blockDim.x) {
    const int y_in_patch = i / pieces_in_row, x_in_patch = i % pieces_in_row * kPixels;
    const int64_t y = int64_t{row} * side + y_in_patch, x = int64_t{col} * side + x_in_patch;
    // Pixels of this piece inside the picture.
    const int64_t count = padding || y >= span.height_px ? 0 : span.width_px - x;
    const uint8_t* const in = picture + (y * span.width_px + x) * kChannels;
    Values<T, kPixels> out[kChannels];
    if (kPixels == kWidePixels && count >= kPixels) {
      uint32_t words[6];
      LoadBytes(in, words);
#pragma unroll
      for (int pixel = 0; pixel < kPixels; ++pixel) {
#pragma unroll
        for (int channel = 0; channel < kChannels; ++channel) {
          Store(Normalize(ByteOf(words, (pixel * kChannels + channel) % 24), statistics.mean[mode][channel],
                          statistics.std[mode][channel]),
                &out[channel].values[pixel]);
        }
      }
    } else {
#pragma unroll
      for (int pixel = 0; pixel < kPixels; ++pixel) {
#pragma unroll
        for (int channel = 0; channel < kChannels; ++channel) {
          const float value = pixel < count ? Normalize(in[pixel * kChannels + channel], statistics.mean[mode][channel],
                                                        statistics.std[mode][channel])
                                            : 0.0f;
          Store(value, &out[channel].values[pixel]);
        }
      }
    }
#pragma unroll
    for (int channel = 0; channel < kChannels; ++channel) {
      *reinterpret_cast<Values<T, kPixels>*>(patch_D + channel * plane + y_in_patch * side + x_in_patch) = out[channel];
    }
  }
}

__device__ __forceinline__ bool IsFinite(float value) { return (__float_as_uint(value) & 0x7FFFFFFF) < 0x7F800000; }

__device__ __forceinline__ uint32_t ToByte(float value) {
  value = value < -1.0f ? -1.0f : value;
  value = value > 1.0f ? 1.0f : value;
  return __float_as_uint(__fadd_rn(__fmul_rn(__fadd_rn(value, 1.0f), 127.5f), kRoundToInteger)) & 0xFF;
}

template <typename T, int kPixels>
__global__ void __launch_bounds__(kThreads)
    WritePictures(PixelBatch batch, const T* __restrict__ patches_TD, const int32_t* __restrict__ row_T,
                  const int32_t* __restrict__ col_T, uint8_t* __restrict__ bytes_B, bool* __restrict__ finite_I) {
  const int64_t token = int64_t{blockIdx.x} * blockDim.y + threadIdx.y;
  if (token >= batch.tokens) return;
  const Piece piece(batch, token);
  const PixelSpan& span = piece.span;
  if (span.first_byte < 0 || piece.is_padding()) return;
  const int64_t row = row_T[token], col = col_T[token];
  const int side = batch.patch_px, pieces_in_row = side / kPixels;
  const int64_t plane = int64_t{side} * side;
  const T* const patch_D = patches_TD + token * kChannels * plane;
  uint8_t* const picture = bytes_B + span.first_byte;
  bool finite = true;
  for (int i = threadIdx.x; i < side * pieces_in_row; i += blockDim.x) {
    const int y_in_patch = i / pieces_in_row, x_in_patch = i % pieces_in_row * kPixels;
    Values<T, kPixels> in[kChannels];
#pragma unroll
    for (int channel = 0; channel < kChannels; ++channel) {
      in[channel] =
          *reinterpret_cast<const Values<T, kPixels>*>(patch_D + channel * plane + y_in_patch * side + x_in_patch);
    }
    uint32_t words[6] = {};
#pragma unroll
    for (int pixel = 0; pixel < kPixels; ++pixel) {
#pragma unroll
      for (int channel = 0; channel < kChannels; ++channel) {
        const float value = Load(in[channel].values[pixel]);
        finite &= IsFinite(value);
        const int index = pixel * kChannels + channel;
        words[index / 4] |= ToByte(value) << (index % 4 * 8);
      }
    }
    const int64_t y = row * side + y_in_patch, x = col * side + x_in_patch;
    if (row < 0 || col < 0 || y >= span.height_px || x >= span.width_px) continue;
    uint8_t* const out = picture + (y * span.width_px + x) * kChannels;
    if (kPixels == kWidePixels && x + kPixels <= span.width_px) {
      StoreBytes(words, out);
      continue;
    }
    const int bytes = kChannels * static_cast<int>(min(int64_t{kPixels}, span.width_px - x));
#pragma unroll
    for (int k = 0; k < kPixels * kChannels; ++k) {
      if (k < bytes) out[k] = static_cast<uint8_t>(ByteOf(words, k));
    }
  }
  if (!finite) finite_I[piece.image] = false;  // whoever writes, writes the same
}

// A block an image: what WritePictures finds, and a picture of mid grey where it will not write every pixel.
__global__ void __launch_bounds__(kThreads) PreparePictures(PixelBatch batch, uint8_t* bytes_B, bool* finite_I) {
  const int64_t image = blockIdx.x;
  if (threadIdx.x == 0) finite_I[image] = true;
  const PixelSpan span = batch.spans_I[image];
  const int64_t end = image + 1 < batch.images ? batch.spans_I[image + 1].first_token : batch.tokens;
  if (span.first_byte < 0 || end - span.first_token >= int64_t{span.grid_rows} * span.grid_cols) return;
  uint8_t* const picture = bytes_B + span.first_byte;
  const int64_t bytes = int64_t{span.height_px} * span.width_px * kChannels;
  for (int64_t i = threadIdx.x; i < bytes; i += blockDim.x) picture[i] = kByteOfZero;
}

Statistics AllStatistics() {
  Statistics all;
  for (const NormalizeMode mode :
       {NormalizeMode::kMinusOneToOne, NormalizeMode::kImagenet, NormalizeMode::kZeroToOne}) {
    const ChannelStatistics statistics = StatisticsOf(mode);
    for (int channel = 0; channel < kChannels; ++channel) {
      all.mean[static_cast<int>(mode)][channel] = statistics.mean[channel];
      all.std[static_cast<int>(mode)][channel] = statistics.std[channel];
    }
  }
  return all;
}

// Threads for a token's pieces, and as many tokens as make a full block.
dim3 BlockFor(int patch_px, int pixels) {
  const int64_t pieces = int64_t{patch_px} * patch_px / pixels;
  const auto threads = static_cast<unsigned>(pieces < kThreads ? pieces : kThreads);
  return dim3(threads, kThreads / threads);
}

// Calls launch(T{}, PixelCount<kPixels>{}) for the type and side of the batch.
template <int kPixels>
struct PixelCount {
  static constexpr int value = kPixels;
};

template <typename T, typename Launch>
void ForSide(const PixelBatch& batch, const Launch& launch) {
  if (batch.patch_px % kWidePixels == 0) {
    launch(T{}, PixelCount<kWidePixels>{});
  } else {
    launch(T{}, PixelCount<1>{});
  }
}

template <typename Launch>
cudaError_t ForType(const PixelBatch& batch, const Launch& launch) {
  switch (batch.type) {
    case PatchType::kFloat32: ForSide<float>(batch, launch); break;
    case PatchType::kBfloat16: ForSide<__nv_bfloat16>(batch, launch); break;
    case PatchType::kFloat16: ForSide<__half>(batch, launch); break;
  }
  return cudaGetLastError();
}

unsigned BlocksFor(const PixelBatch& batch, dim3 block) {
  return static_cast<unsigned>((batch.tokens + block.y - 1) / block.y);
}

}  // namespace

cudaError_t LaunchBytesToPatches(const PixelBatch& batch, const uint8_t* bytes_B, void* patches_TD, int32_t* row_T,
                                 int32_t* col_T, cudaStream_t stream) {
  return ForType(batch, [&](auto type, auto pixels) {
    using T = decltype(type);
    const dim3 block = BlockFor(batch.patch_px, pixels.value);
    ReadPictures<T, pixels.value><<<BlocksFor(batch, block), block, 0, stream>>>(
        batch, AllStatistics(), bytes_B, static_cast<T*>(patches_TD), row_T, col_T);
  });
}

cudaError_t LaunchPatchesToBytes(const PixelBatch& batch, const void* patches_TD, const int32_t* row_T,
                                 const int32_t* col_T, uint8_t* bytes_B, bool* finite_I, cudaStream_t stream) {
  PreparePictures<<<static_cast<unsigned>(batch.images), kThreads, 0, stream>>>(batch, bytes_B, finite_I);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) return error;
  return ForType(batch, [&](auto type, auto pixels) {
    using T = decltype(type);
    const dim3 block = BlockFor(batch.patch_px, pixels.value);
    WritePictures<T, pixels.value><<<BlocksFor(batch, block), block, 0, stream>>>(
        batch, static_cast<const T*>(patches_TD), row_T, col_T, bytes_B, finite_I);
  });
}

}  // namespace vitok
