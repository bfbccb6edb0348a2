// What the kernels of core/ops/short_block.h share: tiles that the copy engine brings, and their launch.
#pragma once

#include <cuda.h>
#include <cuda_bf16.h>

#include <cstdint>

#include "core/ops/rows_cuda.cuh"
#include "core/ops/short_block_cuda.h"
#include "cute/tensor.hpp"
#include "cutlass/arch/barrier.h"
#include "cutlass/cluster_launch.hpp"
#include "cutlass/cuda_host_adapter.hpp"

namespace vitok::short_block {

using Element = cutlass::bfloat16_t;
using FullBarrier = cutlass::arch::ClusterTransactionBarrier;
using EmptyBarrier = cutlass::arch::ClusterBarrier;

inline constexpr int kStep = 64;  // columns of a tile: 128 bytes
inline constexpr int kStepBytes = kStep * 2;
inline constexpr int kConsumers = 256;  // threads: two warpgroups
inline constexpr int kThreads = kConsumers + kWarp;

// Rows of `kStep` columns as WGMMA takes them and the copy engine lays them.
template <int kRows, int kStages>
using Tiles = decltype(cute::tile_to_shape(cute::GMMA::Layout_K_SW128_Atom<Element>{},
                                           cute::Shape<cute::Int<kRows>, cute::Int<kStep>, cute::Int<kStages>>{}));

// Host: a matrix of which tiles of box_rows · kStep are copied; what lies outside of it reads as 0.
inline cudaError_t MapRows(const void* data, int64_t rows, int64_t columns, int64_t stride, int box_rows,
                           CUtensorMap* map) {
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(stride * 2)};
  const cuuint32_t box[2] = {kStep, static_cast<cuuint32_t>(box_rows)};
  const cuuint32_t steps[2] = {1, 1};
  const CUresult result = CUTLASS_CUDA_DRIVER_WRAPPER_CALL(cuTensorMapEncodeTiled)(
      map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void*>(data), sizes, strides, box, steps,
      CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

__device__ __forceinline__ void Load(const CUtensorMap& map, FullBarrier& full, void* to, int column, int row) {
  cute::SM90_TMA_LOAD_2D::copy(&map, reinterpret_cast<uint64_t*>(&full),
                               static_cast<uint64_t>(cute::TMA::CacheHintSm90::EVICT_NORMAL), to, column, row);
}

__device__ __forceinline__ void LoadFor(uint16_t blocks, const CUtensorMap& map, FullBarrier& full, void* to,
                                        int column, int row) {
  cute::SM90_TMA_LOAD_MULTICAST_2D::copy(&map, reinterpret_cast<uint64_t*>(&full), blocks,
                                         static_cast<uint64_t>(cute::TMA::CacheHintSm90::EVICT_NORMAL), to, column,
                                         row);
}

// Host: a launch in clusters that may begin while the kernel before it in the stream ends.
template <class... Params>
cudaError_t LaunchClusters(void (*kernel)(Params...), dim3 grid, dim3 cluster, int threads, int shared_bytes,
                           cudaStream_t stream, const Params&... params) {
  const cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  if (error != cudaSuccess) return error;
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim.x = cluster.x;
  attributes[0].val.clusterDim.y = cluster.y;
  attributes[0].val.clusterDim.z = cluster.z;
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = 2;
  return cudaLaunchKernelEx(&config, kernel, params...);
}

// Where dynamic shared memory begins, at a boundary that tiles need, and how much of it that takes.
__device__ __forceinline__ char* AlignedShared() {
  extern __shared__ char shared[];
  return shared + (1024 - cute::cast_smem_ptr_to_uint(shared) % 1024) % 1024;
}

template <class Shared>
inline constexpr int kSharedBytes = static_cast<int>(sizeof(Shared)) + 1024;

}  // namespace vitok::short_block
