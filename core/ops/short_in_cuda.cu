// The first product. The norm in front of it is a factor of its rows, made from the sums of squares that the kernel
// before has left. The two blocks of a cluster have the same columns and other tokens: each brings half of a tile of
// the weight for both, the first tiles before that kernel has ended.
#include "core/ops/rope_cuda.cuh"
#include "core/ops/short_block_cuda.cuh"

namespace vitok {
namespace {

using namespace short_block;

constexpr int kRows = 128;  // tokens of a tile
constexpr int kColumns =
    144;  // rows of the weight: 62 tiles for 350M on 66 clusters; of queries and keys kHeads heads count
constexpr int kHeads = 2;
constexpr int kStages = 4;  // with more, attention's blocks find no room beside its own
constexpr int kRowBytes = kRows * kStepBytes, kColumnBytes = kColumns * kStepBytes;
constexpr int kGroups = kColumns / 8;
constexpr int kGroupsOfHead = kShortHeadDim / 8;
constexpr int kStagedStride = kColumns + 8;  // elements: rows begin in different banks

struct Shared {
  alignas(1024) char x[kStages][kRowBytes];
  alignas(1024) char weight[kStages][kColumnBytes];
  FullBarrier full[kStages];
  EmptyBarrier empty[kStages];
  float norm[2][kShortHeadDim];
  float frequency[kShortHeadDim / 4];
};

struct Params {
  CUtensorMap x;       // boxes of kRows
  CUtensorMap weight;  // boxes of kColumns / 2
  ShortBlockArgs args;
};

// Tiles of queries and keys come first.
__device__ __forceinline__ int FirstColumn(int tile, const ShortBlockArgs& args) {
  const int of_heads = 2 * args.width / (kHeads * kShortHeadDim);
  return tile < of_heads ? tile * kHeads * kShortHeadDim : 2 * args.width + (tile - of_heads) * kColumns;
}

__device__ __forceinline__ void Produce(const Params& params, Shared& shared) {
  const int half = blockIdx.x % 2, steps = params.args.width / kStep;
  const int row = blockIdx.x * kRows, column = FirstColumn(blockIdx.y, params.args) + half * (kColumns / 2);
  const auto bring_weight = [&](int step) {
    const int stage = step % kStages;
    shared.full[stage].arrive_and_expect_tx(kRowBytes + kColumnBytes);
    LoadFor(/*blocks=*/3, params.weight, shared.full[stage], shared.weight[stage] + half * (kColumnBytes / 2),
            step * kStep, column);
  };
  const auto bring_x = [&](int step) {
    const int stage = step % kStages;
    Load(params.x, shared.full[stage], shared.x[stage], step * kStep, row);
  };
  const int at_once = min(kStages, steps);
  for (int step = 0; step < at_once; ++step) bring_weight(step);
  cudaGridDependencySynchronize();
  for (int step = 0; step < at_once; ++step) bring_x(step);
  for (int step = kStages; step < steps; ++step) {
    shared.empty[step % kStages].wait((step / kStages - 1) % 2);
    bring_weight(step);
    bring_x(step);
  }
}

__device__ __forceinline__ uint32_t* StagedWord(char* staged, int row, int group, int lane) {
  return reinterpret_cast<uint32_t*>(staged) + (row * kStagedStride + group * 8) / 2 + lane;
}

__global__ void __launch_bounds__(kThreads, 1) ShortIn(const __grid_constant__ Params params) {
  using namespace cute;
  auto& shared = *reinterpret_cast<Shared*>(AlignedShared());
  const ShortBlockArgs& args = params.args;
  const int thread = threadIdx.x, warp = thread / kWarp, lane = thread % kWarp;
  if (thread == kConsumers) {
    for (int stage = 0; stage < kStages; ++stage) {
      shared.full[stage].init(1);
      shared.empty[stage].init(2 * kConsumers / kWarp);
    }
    cutlass::arch::fence_barrier_init();
    cute::prefetch_tma_descriptor(reinterpret_cast<const cute::TmaDescriptor*>(&params.weight));
    cute::prefetch_tma_descriptor(reinterpret_cast<const cute::TmaDescriptor*>(&params.x));
  }
  if (thread < 2 * kShortHeadDim) {
    const void* const norm = thread < kShortHeadDim ? args.norm_q : args.norm_k;
    shared.norm[thread / kShortHeadDim][thread % kShortHeadDim] =
        LoadFloat(static_cast<const __nv_bfloat16*>(norm) + thread % kShortHeadDim);
  } else if (thread < 2 * kShortHeadDim + kShortHeadDim / 4) {
    shared.frequency[thread - 2 * kShortHeadDim] = args.frequency[thread - 2 * kShortHeadDim];
  }
  cluster_arrive_relaxed();
  cluster_wait();
  __syncthreads();
  cudaTriggerProgrammaticLaunchCompletion();
  if (warp == kConsumers / kWarp) {
    if (lane == 0) Produce(params, shared);
    return;
  }
  cudaGridDependencySynchronize();

  // This thread's rows: `row` and 8 more.
  const int row = blockIdx.x * kRows + warp * 16 + lane / 4;
  float scale[2];
  float2 position[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int at = min(row + 8 * i, args.tokens - 1);
    float sum = 0;
#pragma unroll 4
    for (int part = lane % 4; part < args.width / kShortColumns; part += 4) sum += args.squares[part * kShortRows + at];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    scale[i] = rsqrtf(sum / static_cast<float>(args.width) + args.eps);
    position[i] = make_float2(static_cast<float>(args.row[at]), static_cast<float>(args.col[at]));
  }

  using Mma = decltype(make_tiled_mma(SM90::GMMA::MMA_64x144x16_F32BF16BF16_SS<GMMA::Major::K, GMMA::Major::K>{},
                                      Layout<Shape<_2, _1, _1>>{}));
  Mma mma;
  const auto slice = mma.get_thread_slice(thread);
  const Tensor x = make_tensor(make_smem_ptr(reinterpret_cast<Element*>(shared.x)), Tiles<kRows, kStages>{});
  const Tensor weight =
      make_tensor(make_smem_ptr(reinterpret_cast<Element*>(shared.weight)), Tiles<kColumns, kStages>{});
  const Tensor a = slice.make_fragment_A(slice.partition_A(x));
  const Tensor b = slice.make_fragment_B(slice.partition_B(weight));
  Tensor sums = partition_fragment_C(mma, Shape<Int<kRows>, Int<kColumns>>{});
  mma.accumulate_ = GMMA::ScaleOut::Zero;
  const auto release = [&](int step, int steps) {
    if (step + kStages < steps && lane < 2) shared.empty[step % kStages].arrive(static_cast<uint32_t>(lane));
  };
  const int steps = args.width / kStep;
  warpgroup_fence_operand(sums);
  for (int step = 0; step < steps; ++step) {
    const int stage = step % kStages;
    shared.full[stage].wait(step / kStages % 2);
    warpgroup_arrive();
#pragma unroll
    for (int k = 0; k < kStep / 16; ++k) {
      cute::gemm(mma, a(_, _, k, stage), b(_, _, k, stage), sums);
      mma.accumulate_ = GMMA::ScaleOut::One;
    }
    warpgroup_commit_batch();
    warpgroup_wait<1>();
    if (step > 0) release(step - 1, steps);
  }
  warpgroup_wait<0>();
  warpgroup_fence_operand(sums);
  cutlass::arch::NamedBarrier::sync(kConsumers, 0);  // tiles have been read

  char* const staged = shared.x[0] + warp * 16 * kStagedStride * 2;
  const int first_column = FirstColumn(blockIdx.y, args), plain = 3 * args.width;
  const int columns = plain + 2 * args.hidden, quad = lane % 4;
  const bool of_heads = first_column < 2 * args.width;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const auto pair = [&](int group) {
      return make_float2(sums(make_coord(0, i, group), 0, 0) * scale[i],
                         sums(make_coord(1, i, group), 0, 0) * scale[i]);
    };
    const auto stage = [&](int group, float2 value) {
      *StagedWord(staged, lane / 4 + 8 * i, group, quad) = PackBfloat16(value.x, value.y);
    };
    if (of_heads) {
#pragma unroll
      for (int head = 0; head < kHeads; ++head) {
        float sum = 0;
#pragma unroll
        for (int group = 0; group < kGroupsOfHead; ++group) {
          const float2 value = pair(head * kGroupsOfHead + group);
          sum += value.x * value.x + value.y * value.y;
        }
        sum += __shfl_xor_sync(0xffffffffu, sum, 1);
        sum += __shfl_xor_sync(0xffffffffu, sum, 2);
        const float norm = rsqrtf(sum / kShortHeadDim + args.eps);
        const float* const weights = shared.norm[first_column + head * kShortHeadDim >= args.width];
#pragma unroll
        for (int group = 0; group < kGroupsOfHead; ++group) {
          constexpr int kOfAxis = kGroupsOfHead / 2;
          const float2 value = pair(head * kGroupsOfHead + group);
          const float2 factor = *reinterpret_cast<const float2*>(weights + group * 8 + quad * 2);
          const float2 by =
              RotationAt(group < kOfAxis ? position[i].x : position[i].y, shared.frequency[group % kOfAxis * 4 + quad]);
          stage(head * kGroupsOfHead + group, Rotate(value.x * norm * factor.x, value.y * norm * factor.y, by));
        }
      }
    } else {
#pragma unroll
      for (int group = 0; group < kGroups; group += 2) {
        const float2 first = pair(group), second = pair(group + 1);
        if (first_column + group * 8 < plain) {
          stage(group, first);
          stage(group + 1, second);
        } else {
          stage(group, make_float2(SwiGlu(first.x, second.x), SwiGlu(first.y, second.y)));
        }
      }
    }
  }
  __syncwarp();
  const int first_row = blockIdx.x * kRows + warp * 16, rows = args.tokens - first_row;
  auto* const qkv = static_cast<__nv_bfloat16*>(args.qkv) + first_row * args.qkv_stride + first_column;
  auto* const hidden =
      static_cast<__nv_bfloat16*>(args.out) + first_row * args.out_stride + args.width + (first_column - plain) / 2;
  const auto store = [&](auto groups) {
#pragma unroll
    for (int k = 0; k < 16 * groups / kWarp; ++k) {
      const int i = lane + k * kWarp, r = i / groups, group = i % groups, column = first_column + group * 8;
      const uint4 vector = *reinterpret_cast<const uint4*>(StagedWord(staged, r, group, 0));
      const bool is_plain = column < plain;
      auto* const to = is_plain ? qkv + r * args.qkv_stride + group * 8 : hidden + r * args.out_stride + group * 4;
      if (r < rows && column < columns && (is_plain || group % 2 == 0)) *reinterpret_cast<uint4*>(to) = vector;
    }
  };
  if (of_heads) {
    store(Int<kHeads * kGroupsOfHead>{});
  } else {
    store(Int<kGroups>{});
  }
}

}  // namespace

cudaError_t LaunchShortIn(const ShortBlockArgs& args, cudaStream_t stream) {
  Params params{};
  params.args = args;
  const int columns = 3 * args.width + 2 * args.hidden;
  cudaError_t error = MapRows(args.x, args.tokens, args.width, args.x_stride, kRows, &params.x);
  if (error != cudaSuccess) return error;
  error = MapRows(args.in_weight, columns, args.width, args.width, kColumns / 2, &params.weight);
  if (error != cudaSuccess) return error;
  const int tiles = 2 * args.width / (kHeads * kShortHeadDim) + (columns - 2 * args.width + kColumns - 1) / kColumns;
  return LaunchClusters(ShortIn, dim3(2, tiles), dim3(2), kThreads, kSharedBytes<Shared>, stream, params);
}

}  // namespace vitok
