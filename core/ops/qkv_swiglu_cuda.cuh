// The product of core/ops/qkv_swiglu.h on CUTLASS. The main loop is CUTLASS's, warp-specialised with TMA and WGMMA; the
// end of a tile (the epilogue) is ours. Two warpgroups take turns: while one multiplies, the other finishes its tile.
#pragma once

#include <cstdint>

#include "core/ops/qkv_swiglu_cuda.h"
#include "core/ops/qkv_swiglu_epilogue_cuda.cuh"
#include "cute/tensor.hpp"
#include "cutlass/cutlass.h"
#include "cutlass/device_kernel.h"
#include "cutlass/gemm/collective/collective_builder.hpp"
#include "cutlass/gemm/dispatch_policy.hpp"
#include "cutlass/gemm/kernel/gemm_universal.hpp"
#include "cutlass/gemm/kernel/tile_scheduler.hpp"

namespace vitok::qkv_swiglu {

using Cluster = cute::Shape<cute::_2, cute::_1, cute::_1>;

template <class Element, class Tile, class Schedule>
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
  using CollectiveEpilogue = Epilogue<cute::size<1>(Tile{}), /*kScaled=*/sizeof(Element) == 1>;
  using Mainloop = typename cutlass::gemm::collective::CollectiveBuilder<
      cutlass::arch::Sm90, cutlass::arch::OpClassTensorOp, Element, cutlass::layout::RowMajor, kAlignment, Element,
      cutlass::layout::ColumnMajor, kAlignment, float, Tile, Cluster,
      cutlass::gemm::collective::StageCountAutoCarveout<sizeof(typename CollectiveEpilogue::TensorStorage)>,
      Schedule>::CollectiveOp;
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
    arguments.epilogue = args;
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
