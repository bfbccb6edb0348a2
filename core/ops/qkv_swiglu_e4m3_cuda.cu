// As in bfloat16, with scales. A tile takes half the time, so waiting for its scales at its end would cost a seventh of
// it: a warp of its own brings them to shared memory meanwhile, where CUTLASS's kernel has a place for such a warp.
#include "core/ops/qkv_swiglu_cuda.cuh"
#include "cutlass/pipeline/pipeline.hpp"

namespace vitok {
namespace {

using Tile = cute::Shape<cute::_128, cute::_128, cute::_128>;
constexpr int kTileRows = cute::size<0>(Tile{});
constexpr int kTileColumns = cute::size<1>(Tile{});
constexpr int kStages = 2;  // tiles whose scales are there: one of each warpgroup

using Adapter = cutlass::epilogue::collective::detail::Sm90TmaWarpSpecializedAdapter<qkv_swiglu::Epilogue<true>>;

class ScaledEpilogue : public Adapter {
 public:
  using LoadPipeline = cutlass::PipelineTransactionAsync<kStages>;
  using LoadPipelineState = cutlass::PipelineState<kStages>;
  using PipelineStorage = typename LoadPipeline::SharedStorage;
  struct TensorStorage {
    alignas(16) float scales[kStages][kTileRows + kTileColumns];
  };

  CUTLASS_DEVICE ScaledEpilogue(const Params& params, TensorStorage&) : Adapter(params), scales_(params) {}

  CUTLASS_DEVICE bool is_producer_load_needed() const { return true; }

  // The warp that brings the scales, before each tile.
  template <class Shape, class TileShape, class Place, class Mma>
  CUTLASS_DEVICE LoadPipelineState load(LoadPipeline pipeline, LoadPipelineState state, const Shape& shape,
                                        const TileShape&, const Place& place, const Mma&, int lane,
                                        TensorStorage& storage) {
    const int row = cute::get<0>(place) * kTileRows, column = cute::get<1>(place) * kTileColumns;
    pipeline.producer_acquire(state);
    float* const scales = storage.scales[state.index()];
    Bring(scales_.row_scale + row, cute::get<0>(shape) - row, kTileRows, lane, scales);
    Bring(scales_.column_scale + column, cute::get<1>(shape) - column, kTileColumns, lane, scales + kTileRows);
    pipeline.producer_commit(state);  // by each lane
    ++state;
    return state;
  }

  CUTLASS_DEVICE LoadPipelineState load_tail(LoadPipeline pipeline, LoadPipelineState state) {
    pipeline.producer_tail(state);
    return state;
  }

  template <class Shape, class TileShape, class Place, class Engine, class Layout, class Mma>
  CUTLASS_DEVICE auto store(LoadPipeline pipeline, LoadPipelineState state, StorePipeline,
                            StorePipelineState store_state, const Shape& shape, const TileShape& tile,
                            const Place& place, const cute::Tensor<Engine, Layout>& sums, const Mma& mma, int thread,
                            TensorStorage& storage) {
    pipeline.consumer_wait(state);
    (*this)(shape, tile, place, sums, mma, cute::Int<0>{}, thread,
            reinterpret_cast<char*>(storage.scales[state.index()]));
    pipeline.consumer_release(state);
    ++state;
    return cute::make_tuple(state, store_state);
  }

  CUTLASS_DEVICE auto store_tail(LoadPipeline, LoadPipelineState state, StorePipeline, StorePipelineState store_state) {
    return cute::make_tuple(state, store_state);
  }

 private:
  // `there`: how many there are.
  CUTLASS_DEVICE static void Bring(const float* from, int there, int count, int lane, float* to) {
    for (int i = lane; i < count; i += kWarp) to[i] = i < there ? __ldg(from + i) : 0.0f;
  }

  Params scales_;
};

}  // namespace

cudaError_t LaunchQkvSwiGluE4m3(const QkvSwiGluArgs& args, cudaStream_t stream) {
  return qkv_swiglu::Product<cutlass::float_e4m3_t, Tile, cutlass::gemm::KernelTmaWarpSpecializedPingpongFP8FastAccum,
                             ScaledEpilogue, sizeof(ScaledEpilogue::TensorStorage)>::Launch(args, stream);
}

}  // namespace vitok
