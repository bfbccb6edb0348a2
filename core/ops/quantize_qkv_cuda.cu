// Every value is read once and written once: the passes over all tokens run at the speed of memory. A block works on
// neighbouring rows of one image, so that its threads load their columns of the mean once; a thread takes the same
// columns of several rows, whose loads are in flight together. Widths that do not divide into vectors take a value at a
// time, a block a row.
#include <algorithm>

#include "core/ops/mean_samples.h"
#include "core/ops/quantize_qkv_cuda.h"
#include "core/ops/rows_cuda.cuh"

namespace vitok {
namespace {

constexpr int kThreads = 256;
constexpr int kColumns = 2 * kVector;  // of a thread of QuantizeVectors: one 16-byte store
constexpr int kRowsOfThread = 4;       // neighbours
constexpr int kResultRowsOfThread = 8;

// Sets first_block. Returns the number of blocks.
unsigned DivideIntoBlocks(LaunchedImages& images, int rows_of_block) {
  int blocks = 0;
  for (int i = 0; i < images.count; ++i) {
    images.first_block[i] = blocks;
    blocks += (images.rows[i] + rows_of_block - 1) / rows_of_block;
  }
  images.first_block[images.count] = blocks;
  return blocks;
}

// The part of an image that a block works on.
struct Tile {
  int64_t first;  // row of the batch
  int rows;       // left of the image from there on
  int image;
};

__device__ __forceinline__ Tile TileOf(const LaunchedImages& images, int rows_of_block) {
  const int block = blockIdx.x;
  int image = 0;
  for (int end = images.count; end - image > 1;) {  // it is in [image, end)
    const int middle = (image + end) / 2;
    (images.first_block[middle] <= block ? image : end) = middle;
  }
  const int row = (block - images.first_block[image]) * rows_of_block;
  return {int64_t{images.first_row[image]} + row, images.rows[image] - row, image};
}

__device__ __forceinline__ void LoadMean(const float* from, float (&values)[kVector]) {
  const float4 low = reinterpret_cast<const float4*>(from)[0], high = reinterpret_cast<const float4*>(from)[1];
  values[0] = low.x, values[1] = low.y, values[2] = low.z, values[3] = low.w;
  values[4] = high.x, values[5] = high.y, values[6] = high.z, values[7] = high.w;
}

// A warp sums every kMeanWarps-th sample of an image over the columns of a block, kOfThread neighbours a thread.
constexpr int kMeanWarps = 32;

template <int kOfThread>  // 1 or kVector
__global__ void __launch_bounds__(kMeanWarps* kWarp) MeanOfSamples(const __grid_constant__ MeanValuesArgs args) {
  constexpr int kOfBlock = kOfThread * kWarp;
  __shared__ float of_warp[kMeanWarps][kOfBlock];
  const int warp = threadIdx.x / kWarp, own = threadIdx.x % kWarp * kOfThread;
  const int image = blockIdx.y, rows = args.images.rows[image];
  const int64_t first = int64_t{blockIdx.x} * kOfBlock;
  float sums[kOfThread] = {};
  if (first + own < args.width && rows > 0) {
    const __nv_bfloat16* const v =
        static_cast<const __nv_bfloat16*>(args.v) + args.images.first_row[image] * args.v_stride + first + own;
#pragma unroll 8
    for (int i = warp; i < kMeanSamples; i += kMeanWarps) {
      float values[kOfThread];
      if constexpr (kOfThread == 1) {
        values[0] = LoadFloat(v + SampledToken(i, rows) * args.v_stride);
      } else {
        LoadVector(v + SampledToken(i, rows) * args.v_stride, values);
      }
#pragma unroll
      for (int k = 0; k < kOfThread; ++k) sums[k] += values[k];
    }
  }
#pragma unroll
  for (int k = 0; k < kOfThread; ++k) of_warp[warp][own + k] = sums[k];
  __syncthreads();
  const int64_t column = first + threadIdx.x;
  if (threadIdx.x >= kOfBlock || column >= args.width) return;
  float sum = 0;
  for (int i = 0; i < kMeanWarps; ++i) sum += of_warp[i][threadIdx.x];
  args.mean[image * args.width + column] = sum / kMeanSamples;
}

__device__ __forceinline__ const __nv_bfloat16* RowOf(const QuantizeQkvArgs& args, int64_t row) {
  return static_cast<const __nv_bfloat16*>(args.qkv) + row * args.qkv_stride;
}

__device__ __forceinline__ uint8_t* OutOf(const QuantizeQkvArgs& args, int64_t row) {
  return static_cast<uint8_t*>(args.out) + row * args.out_stride;
}

__device__ __forceinline__ uint2 Quantize(uint4 raw, const float (&mean)[kVector], float factor) {
  float values[kVector];
  ToFloats(raw, values);
#pragma unroll
  for (int i = 0; i < kVector; ++i) values[i] -= mean[i];
  return PackE4m3(values, factor);
}

__global__ void QuantizeVectors(const __grid_constant__ QuantizeQkvArgs args) {
  const Tile tile = TileOf(args.images, blockDim.y * kRowsOfThread);
  const int first = threadIdx.y * kRowsOfThread;
  for (int64_t column = threadIdx.x * kColumns; column < 3 * args.width; column += blockDim.x * kColumns) {
    uint4 raw[kRowsOfThread][2];
#pragma unroll
    for (int k = 0; k < kRowsOfThread; ++k) {
      if (first + k >= tile.rows) break;
      raw[k][0] = LoadRaw(RowOf(args, tile.first + first + k) + column);
      raw[k][1] = LoadRaw(RowOf(args, tile.first + first + k) + column + kVector);
    }
    float factor = 1, mean[2][kVector] = {};
    if (column >= 2 * args.width) {
      factor = args.value_factor;
      const float* const means = args.mean + tile.image * args.width + column - 2 * args.width;
      LoadMean(means, mean[0]);
      LoadMean(means + kVector, mean[1]);
    }
#pragma unroll
    for (int k = 0; k < kRowsOfThread; ++k) {
      if (first + k >= tile.rows) break;
      const uint2 low = Quantize(raw[k][0], mean[0], factor), high = Quantize(raw[k][1], mean[1], factor);
      *reinterpret_cast<uint4*>(OutOf(args, tile.first + first + k) + column) =
          make_uint4(low.x, low.y, high.x, high.y);
    }
  }
}

__global__ void QuantizeValues(const __grid_constant__ QuantizeQkvArgs args) {
  const Tile tile = TileOf(args.images, 1);
  const __nv_bfloat16* const qkv = RowOf(args, tile.first);
  uint8_t* const out = OutOf(args, tile.first);
  const int64_t first_value = 2 * args.width;
  for (int64_t i = threadIdx.x; i < first_value; i += blockDim.x) StoreFloat(LoadFloat(qkv + i), out + i);
  const float* const mean = args.mean + tile.image * args.width;
  for (int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
    StoreFloat((LoadFloat(qkv + first_value + i) - mean[i]) * args.value_factor, out + first_value + i);
  }
}

__device__ __forceinline__ uint8_t* ValuesOf(const AddMeanValuesArgs& args, int64_t row) {
  return static_cast<uint8_t*>(args.values) + row * args.stride;
}

__global__ void AddMeanVectors(const __grid_constant__ AddMeanValuesArgs args) {
  const Tile tile = TileOf(args.images, blockDim.y * kResultRowsOfThread);
  const int first = threadIdx.y * kResultRowsOfThread;
  for (int64_t column = threadIdx.x * kVector; column < args.width; column += blockDim.x * kVector) {
    uint2 raw[kResultRowsOfThread];
    float scale[kResultRowsOfThread];
#pragma unroll
    for (int k = 0; k < kResultRowsOfThread; ++k) {
      if (first + k >= tile.rows) break;
      raw[k] = LoadRaw(ValuesOf(args, tile.first + first + k) + column);
      scale[k] = args.scale[tile.first + first + k];
    }
    float mean[kVector];
    LoadMean(args.mean + tile.image * args.width + column, mean);
#pragma unroll
    for (int k = 0; k < kResultRowsOfThread; ++k) {
      if (first + k >= tile.rows) break;
      float values[kVector];
      ToFloats(raw[k], values);
#pragma unroll
      for (int i = 0; i < kVector; ++i) values[i] = values[i] * args.value_scale + mean[i];
      StoreVector(values, 1.0f / scale[k], ValuesOf(args, tile.first + first + k) + column);
    }
  }
}

__global__ void AddMeanSingly(const __grid_constant__ AddMeanValuesArgs args) {
  const Tile tile = TileOf(args.images, 1);
  const float factor = 1.0f / args.scale[tile.first];
  const float* const mean = args.mean + tile.image * args.width;
  uint8_t* const values = ValuesOf(args, tile.first);
  for (int64_t i = threadIdx.x; i < args.width; i += blockDim.x) {
    StoreFloat((LoadFloat(values + i) * args.value_scale + mean[i]) * factor, values + i);
  }
}

// Threads of a block whose rows are so many vectors long.
dim3 ThreadsFor(int64_t vectors) {
  const int64_t steps = (vectors + kThreads - 1) / kThreads;
  const int across = RoundUpToWarps((vectors + steps - 1) / steps);
  return dim3(across, std::max(1, kThreads / across));
}

}  // namespace

cudaError_t LaunchMeanValues(const MeanValuesArgs& args, cudaStream_t stream) {
  const bool in_vectors = args.width % kVector == 0 && TakesVectors(args.v, args.v_stride, 2);
  const int columns = kWarp * (in_vectors ? kVector : 1);
  const dim3 blocks(static_cast<unsigned>((args.width + columns - 1) / columns), args.images.count);
  (in_vectors ? MeanOfSamples<kVector> : MeanOfSamples<1>)<<<blocks, kMeanWarps * kWarp, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t LaunchQuantizeQkv(QuantizeQkvArgs args, cudaStream_t stream) {
  const bool in_vectors = args.width % kColumns == 0 && TakesVectors(args.qkv, args.qkv_stride, 2) &&
                          reinterpret_cast<uintptr_t>(args.out) % kColumns == 0 && args.out_stride % kColumns == 0;
  const dim3 threads = in_vectors ? ThreadsFor(3 * args.width / kColumns) : dim3(kThreads);
  const unsigned blocks = DivideIntoBlocks(args.images, in_vectors ? threads.y * kRowsOfThread : 1);
  if (blocks == 0) return cudaSuccess;
  (in_vectors ? QuantizeVectors : QuantizeValues)<<<blocks, threads, 0, stream>>>(args);
  return cudaGetLastError();
}

cudaError_t LaunchAddMeanValues(AddMeanValuesArgs args, cudaStream_t stream) {
  const bool in_vectors = args.width % kVector == 0 && TakesVectors(args.values, args.stride, 1);
  const dim3 threads = in_vectors ? ThreadsFor(args.width / kVector) : dim3(kThreads);
  const unsigned blocks = DivideIntoBlocks(args.images, in_vectors ? threads.y * kResultRowsOfThread : 1);
  if (blocks == 0) return cudaSuccess;
  (in_vectors ? AddMeanVectors : AddMeanSingly)<<<blocks, threads, 0, stream>>>(args);
  return cudaGetLastError();
}

}  // namespace vitok
