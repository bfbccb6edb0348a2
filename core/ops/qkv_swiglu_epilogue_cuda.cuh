// What the product of core/ops/qkv_swiglu.h does with the sums of a tile. A thread has of each of its rows two
// neighbouring columns in eight, and the four lanes of a row have 64 columns between them: a head of queries or keys,
// or 32 columns of the hidden state. So norm, rotation and SwiGLU happen in registers; two shuffles add up the squares
// of a head. Results go through shared memory, so that neighbouring lanes store neighbours in a row. While one
// warpgroup does this, the other multiplies: it costs nothing as long as it takes less time than that. A scheduler has
// but one warp for it, whose latencies only its own other rows can hide. What else it needs, a warp of its own
// therefore brings to shared memory beforehand, where CUTLASS's kernel has a place for such a warp.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "core/ops/qkv_swiglu_cuda.h"
#include "core/ops/rope_cuda.cuh"
#include "core/ops/rows_cuda.cuh"
#include "core/ops/staged_rows_cuda.cuh"
#include "cute/tensor.hpp"
#include "cutlass/cutlass.h"
#include "cutlass/epilogue/collective/detail.hpp"
#include "cutlass/gemm/dispatch_policy.hpp"
#include "cutlass/pipeline/pipeline.hpp"

namespace vitok::qkv_swiglu {

inline constexpr int kLanesOfRow = 4;
inline constexpr int kGroups = kQkvSwiGluUnit / kGroup;
inline constexpr int kTileRows = 128;
inline constexpr int kStages = 2;  // tiles whose inputs are there: one of each warpgroup

// What the end of a tile takes besides its sums.
template <int kColumns>
struct TileInputs {
  alignas(16) float row_scale[kTileRows];  // e4m3
  float column_scale[kColumns];            // e4m3
  float2 position[kTileRows];              // row and column of the token: of tiles with queries or keys, as norm_weight
  float norm_weight[kColumns];
};

// In the form of CUTLASS's DefaultEpilogue, for its adapter to warp-specialised kernels.
template <int kColumns>
class EpilogueBase {
 public:
  using EpilogueSchedule = cutlass::epilogue::NoSmemWarpSpecialized;
  using DispatchPolicy = EpilogueSchedule;
  using ElementC = cutlass::bfloat16_t;
  using ElementD = cutlass::bfloat16_t;
  using StrideC = cute::Stride<int64_t, cute::_1, int64_t>;
  using StrideD = StrideC;
  struct SharedStorage {
    TileInputs<kColumns> inputs[kStages];
    StagedRows staging;  // of the warpgroup whose turn it is
  };
  using Arguments = QkvSwiGluArgs;
  using Params = Arguments;

  template <class Shape>
  static constexpr Params to_underlying_arguments(const Shape&, const Arguments& args, void*) {
    return args;
  }
  template <class Shape>
  static size_t get_workspace_size(const Shape&, const Arguments&) {
    return 0;
  }

  CUTLASS_HOST_DEVICE explicit EpilogueBase(const Params& params) : params_(params) {}

 protected:
  Params params_;
};

// kScaled: sums are multiplied by a scale of the row and one of the column.
template <int kColumns, bool kScaled>
class Epilogue : public cutlass::epilogue::collective::detail::Sm90TmaWarpSpecializedAdapter<EpilogueBase<kColumns>> {
 public:
  using Adapter = cutlass::epilogue::collective::detail::Sm90TmaWarpSpecializedAdapter<EpilogueBase<kColumns>>;
  using typename Adapter::Params;
  using typename Adapter::StorePipeline;
  using typename Adapter::StorePipelineState;
  using typename Adapter::TensorStorage;
  using LoadPipeline = cutlass::PipelineTransactionAsync<kStages>;
  using LoadPipelineState = cutlass::PipelineState<kStages>;
  using PipelineStorage = typename LoadPipeline::SharedStorage;

  CUTLASS_DEVICE Epilogue(const Params& params, TensorStorage&) : Adapter(params) {}

  CUTLASS_DEVICE bool is_producer_load_needed() const { return true; }

  // The warp that brings the inputs, before each tile.
  template <class Shape, class Tile, class Place, class Mma>
  CUTLASS_DEVICE LoadPipelineState load(LoadPipeline pipeline, LoadPipelineState state, const Shape& shape, const Tile&,
                                        const Place& place, const Mma&, int lane, TensorStorage& storage) {
    pipeline.producer_acquire(state);
    Bring(cute::get<0>(place) * kTileRows, cute::get<0>(shape), cute::get<1>(place) * kColumns, cute::get<1>(shape),
          lane, storage.inputs[state.index()]);
    pipeline.producer_commit(state);  // by each lane
    ++state;
    return state;
  }

  CUTLASS_DEVICE LoadPipelineState load_tail(LoadPipeline pipeline, LoadPipelineState state) {
    pipeline.producer_tail(state);
    return state;
  }

  template <class Shape, class Tile, class Place, class Engine, class Layout, class Mma>
  CUTLASS_DEVICE auto store(LoadPipeline pipeline, LoadPipelineState state, StorePipeline,
                            StorePipelineState store_state, const Shape& shape, const Tile& tile, const Place& place,
                            const cute::Tensor<Engine, Layout>& sums, const Mma& mma, int thread,
                            TensorStorage& storage) {
    pipeline.consumer_wait(state);
    Finish(shape, tile, place, sums, mma, thread, storage.inputs[state.index()], storage.staging);
    pipeline.consumer_release(state);
    ++state;
    return cute::make_tuple(state, store_state);
  }

  CUTLASS_DEVICE auto store_tail(LoadPipeline, LoadPipelineState state, StorePipeline, StorePipelineState store_state) {
    return cute::make_tuple(state, store_state);
  }

 private:
  using Adapter::params_;

  CUTLASS_DEVICE void Bring(int first_row, int rows, int first_column, int columns, int lane,
                            TileInputs<kColumns>& to) const {
    if constexpr (kScaled) {
#pragma unroll
      for (int i = lane; i < kTileRows; i += kWarp) {
        to.row_scale[i] = first_row + i < rows ? __ldg(params_.x_scale + first_row + i) : 0.0f;
      }
#pragma unroll
      for (int i = lane; i < kColumns; i += kWarp) {
        to.column_scale[i] = first_column + i < columns ? __ldg(params_.weight_scale + first_column + i) : 0.0f;
      }
    }
    if (first_column >= params_.rotated) return;
#pragma unroll
    for (int i = lane; i < kTileRows; i += kWarp) {
      const int row = first_row + i;
      to.position[i] = row < rows ? make_float2(static_cast<float>(__ldg(params_.row + row)),
                                                static_cast<float>(__ldg(params_.col + row)))
                                  : make_float2(0, 0);
    }
#pragma unroll
    for (int i = lane; i < kColumns; i += kWarp) {
      const int column = first_column + i;
      const void* const weight = 2 * column < params_.rotated ? params_.norm_q : params_.norm_k;
      to.norm_weight[i] = LoadFloat(static_cast<const __nv_bfloat16*>(weight) + column % kQkvSwiGluUnit);
    }
  }

  // All lanes must come here. Within a unit the steps of the thread's rows have no branch between them, so they
  // overlap.
  template <class Shape, class Tile, class Place, class Engine, class Layout, class Mma>
  CUTLASS_DEVICE void Finish(const Shape& shape, const Tile& tile, const Place& place,
                             const cute::Tensor<Engine, Layout>& sums, Mma mma, int thread,
                             const TileInputs<kColumns>& inputs, StagedRows& staging) const {
    using namespace cute;
    static_assert(size<0>(Tile{}) == kTileRows && size<1>(Tile{}) == kColumns);
    static_assert(2 * size<1>(Layout{}) == kRowsOfThread);
    const int rows = get<0>(shape), columns = get<1>(shape);
    const int first_row = get<0>(place) * kTileRows, first_column = get<1>(place) * kColumns;
    const Tensor places = mma.get_thread_slice(thread).partition_C(make_identity_tensor(take<0, 2>(tile)));
    const int lane = thread % kLanesOfRow;
    const int first_row_of_warp = first_row + get<0>(places(0)) - thread % kWarp / kLanesOfRow;
#pragma unroll
    for (int unit = 0; unit < kColumns / kQkvSwiGluUnit; ++unit) {
      const int column = first_column + unit * kQkvSwiGluUnit;
      if (column >= columns) return;
      // finish(pairs, scale, i, row): the i-th of the thread's rows is `row` of the tile, its sums are pairs · scale.
      const auto each_row = [&](const auto& finish) {
#pragma unroll
        for (int i = 0; i < kRowsOfThread; ++i) {
          const int row = get<0>(places(make_coord(0, i % 2, 0), i / 2, 0));
          float2 pairs[kGroups];
#pragma unroll
          for (int group = 0; group < kGroups; ++group) {
            pairs[group] = make_float2(sums(make_coord(0, i % 2, unit * kGroups + group), i / 2, 0),
                                       sums(make_coord(1, i % 2, unit * kGroups + group), i / 2, 0));
            if constexpr (kScaled) {
              const float2 scale = PairOf(inputs.column_scale + unit * kQkvSwiGluUnit, group, lane);
              pairs[group] = make_float2(pairs[group].x * scale.x, pairs[group].y * scale.y);
            }
          }
          finish(pairs, kScaled ? inputs.row_scale[row] : 1.0f, i, row);
        }
      };
      if (column < params_.plain) {
        StagedWords<kGroups> words;
        if (column < params_.rotated) {
          float frequency[kGroups / 2];
#pragma unroll
          for (int group = 0; group < kGroups / 2; ++group) {
            frequency[group] = __ldg(params_.frequency + group * kLanesOfRow + lane);
          }
          const float* const weight = inputs.norm_weight + unit * kQkvSwiGluUnit;
          each_row([&](const float2(&pairs)[kGroups], float scale, int i, int row) {
            NormRotate(pairs, scale, weight, inputs.position[row], frequency, lane, words[i]);
          });
        } else {
          each_row([&](const float2(&pairs)[kGroups], float scale, int i, int) {
#pragma unroll
            for (int group = 0; group < kGroups; ++group) {
              words[i][group] = PackBfloat16(pairs[group].x * scale, pairs[group].y * scale);
            }
          });
        }
        StoreThrough(staging, thread, words, params_.plain_out, params_.plain_stride, first_row_of_warp, rows, column,
                     params_.plain);
      } else {
        StagedWords<kGroups / 2> words;
        each_row([&](const float2(&pairs)[kGroups], float scale, int i, int) {
#pragma unroll
          for (int group = 0; group < kGroups; group += 2) {
            const float2 value = pairs[group], gate = pairs[group + 1];
            words[i][group / 2] =
                PackBfloat16(SwiGlu(value.x * scale, gate.x * scale), SwiGlu(value.y * scale, gate.y * scale));
          }
        });
        StoreThrough(staging, thread, words, params_.hidden_out, params_.hidden_stride, first_row_of_warp, rows,
                     (column - params_.plain) / 2, (columns - params_.plain) / 2);
      }
    }
  }

  // What a lane has of the values of a unit's columns.
  CUTLASS_DEVICE static float2 PairOf(const float* unit, int group, int lane) {
    return reinterpret_cast<const float2*>(unit)[group * kLanesOfRow + lane];
  }

  // A head of queries or keys.
  CUTLASS_DEVICE void NormRotate(const float2 (&pairs)[kGroups], float scale, const float* weight, float2 position,
                                 const float (&frequency)[kGroups / 2], int lane, uint32_t (&words)[kGroups]) const {
    float2 squares = {};
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      squares.x += pairs[group].x * pairs[group].x;
      squares.y += pairs[group].y * pairs[group].y;
    }
    float sum = squares.x + squares.y;
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    const float norm = scale * rsqrtf(sum * (scale * scale / kQkvSwiGluUnit) + params_.eps);
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      constexpr int kOfAxis = kGroups / 2;
      const float2 by = RotationAt(group < kOfAxis ? position.x : position.y, frequency[group % kOfAxis]);
      const float2 factor = PairOf(weight, group, lane);
      const float2 rotated = Rotate(pairs[group].x * norm * factor.x, pairs[group].y * norm * factor.y, by);
      words[group] = PackBfloat16(rotated.x, rotated.y);
    }
  }
};

}  // namespace vitok::qkv_swiglu
