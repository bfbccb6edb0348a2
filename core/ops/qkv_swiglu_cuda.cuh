// The product of core/ops/qkv_swiglu.h on CUTLASS. The main loop is CUTLASS's, warp-specialised with TMA and WGMMA; the
// end of it (the epilogue) is ours. Two warpgroups take turns: while one multiplies, the other finishes its tile in
// registers. There the four lanes that hold 64 columns of a row swap values, so that each has 16 bytes of the result,
// and store them without shared memory in between.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "core/ops/qkv_swiglu_cuda.h"
#include "core/ops/rows_cuda.cuh"
#include "cute/tensor.hpp"
#include "cutlass/cutlass.h"
#include "cutlass/device_kernel.h"
#include "cutlass/epilogue/collective/detail.hpp"
#include "cutlass/gemm/collective/collective_builder.hpp"
#include "cutlass/gemm/dispatch_policy.hpp"
#include "cutlass/gemm/kernel/gemm_universal.hpp"
#include "cutlass/gemm/kernel/tile_scheduler.hpp"

namespace vitok::qkv_swiglu {

inline constexpr int kLanesOfRow = 4;
inline constexpr int kGroup = 8;  // columns that the lanes of a row hold in neighbouring pairs
inline constexpr int kGroups = kQkvSwiGluUnit / kGroup;

__device__ __forceinline__ float SwiGlu(float value, float gate) {
  constexpr float kMinusLog2E = -1.4426950408889634f;
  float power, inverse;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(gate * kMinusLog2E));
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(1.0f + power));
  return value * (gate * inverse);
}

// Word i of lane j of a row becomes word j of lane i.
__device__ __forceinline__ void TransposeWords(uint32_t (&words)[kLanesOfRow], int lane) {
  const auto swap = [&](uint32_t& low, uint32_t& high, int distance) {
    const bool odd = (lane & distance) != 0;
    const uint32_t received = __shfl_xor_sync(0xffffffffu, odd ? low : high, distance);
    (odd ? low : high) = received;
  };
  swap(words[0], words[1], 1);
  swap(words[2], words[3], 1);
  swap(words[0], words[2], 2);
  swap(words[1], words[3], 2);
}

// In the form of CUTLASS's DefaultEpilogue, for its adapter to warp-specialised kernels. kScaled: sums are multiplied
// by a scale of the row and one of the column.
template <bool kScaled>
class Epilogue {
 public:
  using EpilogueSchedule = cutlass::epilogue::NoSmemWarpSpecialized;
  using DispatchPolicy = EpilogueSchedule;
  using ElementC = cutlass::bfloat16_t;
  using ElementD = cutlass::bfloat16_t;
  using StrideC = cute::Stride<int64_t, cute::_1, int64_t>;
  using StrideD = StrideC;
  struct SharedStorage {};
  struct Arguments {
    __nv_bfloat16* plain_out;
    int64_t plain_stride;
    __nv_bfloat16* hidden_out;
    int64_t hidden_stride;
    int plain;
    const float* row_scale;     // kScaled
    const float* column_scale;  // kScaled
  };
  using Params = Arguments;

  template <class Shape>
  static constexpr Params to_underlying_arguments(const Shape&, const Arguments& args, void*) {
    return args;
  }
  template <class Shape>
  static size_t get_workspace_size(const Shape&, const Arguments&) {
    return 0;
  }

  CUTLASS_HOST_DEVICE explicit Epilogue(const Params& params) : params_(params) {}

  // scales: kScaled, in shared memory: those of the tile's rows, then of its columns.
  template <class Shape, class Tile, class Place, class Engine, class Layout, class Mma, class Rest>
  CUTLASS_DEVICE void operator()(const Shape& shape, const Tile& tile, const Place& place,
                                 const cute::Tensor<Engine, Layout>& sums, Mma mma, const Rest&, int thread,
                                 [[maybe_unused]] char* scales) const {
    using namespace cute;
    const int rows = get<0>(shape), columns = get<1>(shape);
    const int first_row = get<0>(place) * size<0>(tile), first_column = get<1>(place) * size<1>(tile);
    const Tensor places = mma.get_thread_slice(thread).partition_C(make_identity_tensor(take<0, 2>(tile)));
    const int lane = thread % kLanesOfRow;
    constexpr int kRows = 2 * size<1>(Layout{});  // of the thread
#pragma unroll
    for (int unit = 0; unit < size<1>(Tile{}) / kQkvSwiGluUnit; ++unit) {
      const int column = first_column + unit * kQkvSwiGluUnit;
      if (column >= columns) return;
      float2 column_scale[kGroups];
      if constexpr (kScaled) {
        const auto* const from = reinterpret_cast<const float2*>(scales) + (size<0>(tile) + unit * kQkvSwiGluUnit) / 2;
#pragma unroll
        for (int group = 0; group < kGroups; ++group) column_scale[group] = from[group * kLanesOfRow + lane];
      }
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        const int row_of_tile = get<0>(places(make_coord(0, i % 2, 0), i / 2, 0));
        const int row = first_row + row_of_tile;
        float pairs[kGroups][2];
#pragma unroll
        for (int group = 0; group < kGroups; ++group) {
          pairs[group][0] = sums(make_coord(0, i % 2, unit * kGroups + group), i / 2, 0);
          pairs[group][1] = sums(make_coord(1, i % 2, unit * kGroups + group), i / 2, 0);
          if constexpr (kScaled) {
            const float row_scale = reinterpret_cast<const float*>(scales)[row_of_tile];
            pairs[group][0] *= row_scale * column_scale[group].x;
            pairs[group][1] *= row_scale * column_scale[group].y;
          }
        }
        if (column < params_.plain) {
          StorePlain(pairs, row, column, lane, row < rows);
        } else {
          StoreHidden(pairs, row, (column - params_.plain) / 2, (columns - params_.plain) / 2, lane, row < rows);
        }
      }
    }
  }

 private:
  // `active`: whether there is such a row. All lanes must come here.
  CUTLASS_DEVICE void StorePlain(const float (&pairs)[kGroups][2], int row, int column, int lane, bool active) const {
#pragma unroll
    for (int group = 0; group < kGroups; group += kLanesOfRow) {
      uint32_t words[kLanesOfRow];
#pragma unroll
      for (int i = 0; i < kLanesOfRow; ++i) words[i] = PackBfloat16(pairs[group + i][0], pairs[group + i][1]);
      TransposeWords(words, lane);
      if (active) Store(words, params_.plain_out + row * params_.plain_stride + column + kGroup * (group + lane));
    }
  }

  CUTLASS_DEVICE void StoreHidden(const float (&pairs)[kGroups][2], int row, int column, int columns, int lane,
                                  bool active) const {
    uint32_t words[kLanesOfRow];
#pragma unroll
    for (int i = 0; i < kLanesOfRow; ++i) {
      const float(&values)[2] = pairs[2 * i];
      const float(&gates)[2] = pairs[2 * i + 1];
      words[i] = PackBfloat16(SwiGlu(values[0], gates[0]), SwiGlu(values[1], gates[1]));
    }
    TransposeWords(words, lane);
    column += kGroup * lane;
    if (active && column < columns) Store(words, params_.hidden_out + row * params_.hidden_stride + column);
  }

  CUTLASS_DEVICE static void Store(const uint32_t (&words)[kLanesOfRow], __nv_bfloat16* to) {
    *reinterpret_cast<uint4*>(to) = make_uint4(words[0], words[1], words[2], words[3]);
  }

  Params params_;
};

using Cluster = cute::Shape<cute::_2, cute::_1, cute::_1>;

// kEpilogueBytes: of the epilogue's shared memory.
template <class Element, class Tile, class Schedule, class CollectiveEpilogue, int kEpilogueBytes>
class Product {
 public:
  static cudaError_t Launch(const QkvSwiGluArgs& args, cudaStream_t stream) {
    const typename Kernel::Params params = ParamsOf(args);
    const auto kernel = cutlass::device_kernel<Kernel>;
    const cudaError_t error =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Kernel::SharedStorageSize);
    if (error != cudaSuccess) return error;
    cudaLaunchAttribute cluster{};
    cluster.id = cudaLaunchAttributeClusterDimension;
    cluster.val.clusterDim.x = cute::size<0>(Cluster{});
    cluster.val.clusterDim.y = cute::size<1>(Cluster{});
    cluster.val.clusterDim.z = cute::size<2>(Cluster{});
    cudaLaunchConfig_t config{};
    config.gridDim = Kernel::get_grid_shape(params);
    config.blockDim = Kernel::get_block_shape();
    config.dynamicSmemBytes = Kernel::SharedStorageSize;
    config.stream = stream;
    config.attrs = &cluster;
    config.numAttrs = 1;
    return cudaLaunchKernelEx(&config, kernel, params);
  }

 private:
  static constexpr int kAlignment = 16 / sizeof(Element);
  using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Element, cutlass::layout::RowMajor, kAlignment, Element,
      cutlass::layout::ColumnMajor, kAlignment, float, Tile, Cluster,
      cutlass::gemm::collective::StageCountAutoCarveout<kEpilogueBytes>, Schedule>::CollectiveOp;
  using Kernel = cutlass::gemm::kernel::GemmUniversal<cute::Shape<int, int, int>, Mainloop, CollectiveEpilogue,
                                                      cutlass::gemm::PersistentScheduler>;

  static typename Kernel::Params ParamsOf(const QkvSwiGluArgs& args) {
    const int64_t columns = args.plain + int64_t{2} * args.hidden;
    typename Kernel::Arguments arguments{};
    arguments.mode = cutlass::gemm::GemmUniversalMode::kGemm;
    arguments.problem_shape = cute::make_shape(static_cast<int>(args.tokens), static_cast<int>(columns), args.inputs);
    arguments.mainloop.ptr_A = static_cast<const Element*>(args.x);
    arguments.mainloop.dA = {args.x_stride, {}, {}};
    arguments.mainloop.ptr_B = static_cast<const Element*>(args.weight);
    arguments.mainloop.dB = {args.inputs, {}, {}};
    arguments.epilogue = {static_cast<__nv_bfloat16*>(args.plain_out),
                          args.plain_stride,
                          static_cast<__nv_bfloat16*>(args.hidden_out),
                          args.hidden_stride,
                          args.plain,
                          args.x_scale,
                          args.weight_scale};
    arguments.hw_info.sm_count = args.multiprocessors;
    // All columns of a few rows, then the next rows: x is read once, the weight from the cache if it fits. If it does
    // not, more rows at a time.
    using Raster = decltype(arguments.scheduler.raster_order);
    arguments.scheduler.raster_order = Raster::AlongN;
    const int64_t weight_bytes = columns * args.inputs * static_cast<int64_t>(sizeof(Element));
    arguments.scheduler.max_swizzle_size = 2 * weight_bytes > args.cache_bytes ? kRowsIfLarge : 1;
    return Kernel::to_underlying_arguments(arguments, /*workspace=*/nullptr);
  }

  // Clusters of rows at a time. e4m3 gains nothing.
  static constexpr int kRowsIfLarge = sizeof(Element) == 2 ? 8 : 1;
};

}  // namespace vitok::qkv_swiglu
