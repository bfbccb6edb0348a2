// The second product, split over K among four blocks of a cluster: each adds up 32 rows of the tile from the shared
// memory of all four, in their order, and adds them to x. A cluster has two such tiles, of the same tokens: each block
// brings half of a tile of tokens for both. What the hidden state gives is computed first, while attention runs: when
// this kernel begins, all of attention's blocks have seen the first product end.
#include "core/ops/short_block_cuda.cuh"

namespace vitok {
namespace {

using namespace short_block;

constexpr int kRows = 128;
constexpr int kColumns = kShortColumns;
constexpr int kSplit = 4;
constexpr int kStages = 4;  // with more, two blocks do not fit a multiprocessor, nor all clusters the device
constexpr int kRowBytes = kRows * kStepBytes, kColumnBytes = kColumns * kStepBytes;
constexpr int kGroups = kColumns / 8;
constexpr int kWarps = kConsumers / kWarp;
constexpr int kSlabs = kWarps / kSplit;  // of 16 rows that a block adds up
constexpr int kWarpsOfSlab = kWarps / kSlabs;
constexpr int kGroupsOfWarp = kGroups / kWarpsOfSlab;

struct Shared {
  union {
    struct {
      alignas(1024) char x[kStages][kRowBytes];
      alignas(1024) char weight[kStages][kColumnBytes];
    };
    float4 sums[kWarps][kGroups][kWarp];  // as the lanes of each warp have them
  };
  FullBarrier full[kStages];
  EmptyBarrier empty[kStages];
  float squares[kWarpsOfSlab][kSlabs][16];
};

struct Params {
  CUtensorMap x;       // [attention | hidden], boxes of kRows / 2
  CUtensorMap weight;  // boxes of kColumns
  ShortBlockArgs args;
};

// Steps of K of this block: those of the hidden state, then those of attention.
struct Steps {
  int first_hidden, hidden, first_attention, attention;

  __device__ explicit Steps(const ShortBlockArgs& args) {
    const int all_hidden = (args.hidden + kStep - 1) / kStep, all_attention = args.width / kStep;
    const int rank = blockIdx.x;
    first_hidden = all_hidden * rank / kSplit;
    hidden = all_hidden * (rank + 1) / kSplit - first_hidden;
    first_attention = all_attention * rank / kSplit;
    attention = all_attention * (rank + 1) / kSplit - first_attention;
  }
  __device__ int all() const { return hidden + attention; }
  __device__ int Column(int step, const ShortBlockArgs& args) const {
    return step < hidden ? args.width + (first_hidden + step) * kStep : (first_attention + step - hidden) * kStep;
  }
};

__device__ __forceinline__ void Produce(const Params& params, const Steps& steps, Shared& shared) {
  const int half = blockIdx.y % 2;
  const int row = blockIdx.z * kRows + half * (kRows / 2), column = blockIdx.y * kColumns;
  for (int step = 0; step < steps.all(); ++step) {
    const int stage = step % kStages;
    if (step >= kStages) shared.empty[stage].wait((step / kStages - 1) % 2);
    shared.full[stage].arrive_and_expect_tx(kRowBytes + kColumnBytes);
    Load(params.weight, shared.full[stage], shared.weight[stage], steps.Column(step, params.args), column);
    if (step == steps.hidden) cudaGridDependencySynchronize();
    LoadFor(static_cast<uint16_t>((1 | 1 << kSplit) << blockIdx.x), params.x, shared.full[stage],
            shared.x[stage] + half * (kRowBytes / 2), steps.Column(step, params.args), row);
  }
}

__global__ void __launch_bounds__(kThreads, 1) ShortOut(const __grid_constant__ Params params) {
  using namespace cute;
  auto& shared = *reinterpret_cast<Shared*>(AlignedShared());
  const ShortBlockArgs& args = params.args;
  const int thread = threadIdx.x, warp = thread / kWarp, lane = thread % kWarp, rank = blockIdx.x;
  if (thread == kConsumers) {
    for (int stage = 0; stage < kStages; ++stage) {
      shared.full[stage].init(1);
      shared.empty[stage].init(2 * kWarps);
    }
    cutlass::arch::fence_barrier_init();
    cute::prefetch_tma_descriptor(reinterpret_cast<const cute::TmaDescriptor*>(&params.weight));
    cute::prefetch_tma_descriptor(reinterpret_cast<const cute::TmaDescriptor*>(&params.x));
  }
  cute::cluster_arrive_relaxed();
  cute::cluster_wait();
  __syncthreads();
  cudaTriggerProgrammaticLaunchCompletion();
  const Steps steps(args);
  const int slab = warp % kSlabs, first_group = warp / kSlabs * kGroupsOfWarp;
  const int first_row = blockIdx.z * kRows + (rank * kSlabs + slab) * 16 + lane / 4;
  const int first_column = blockIdx.y * kColumns + first_group * 8 + lane % 4 * 2;
  __nv_bfloat162 x[2][kGroupsOfWarp] = {};
  const auto x_at = [&](int i, int group) {
    return reinterpret_cast<__nv_bfloat162*>(static_cast<__nv_bfloat16*>(args.x) + (first_row + 8 * i) * args.x_stride +
                                             first_column + group * 8);
  };
  const auto exists = [&](int i) { return first_row + 8 * i < args.tokens; };
  if (warp == kWarps) {
    if (lane == 0) Produce(params, steps, shared);
    __syncwarp();
    cluster_arrive();
    cluster_wait();
  } else {
    using Mma = decltype(make_tiled_mma(SM90_64x64x16_F32BF16BF16_SS<GMMA::Major::K, GMMA::Major::K>{},
                                        Layout<Shape<_2, _1, _1>>{}));
    Mma mma;
    const auto slice = mma.get_thread_slice(thread);
    const Tensor x_tile = make_tensor(make_smem_ptr(reinterpret_cast<Element*>(shared.x)), Tiles<kRows, kStages>{});
    const Tensor weight =
        make_tensor(make_smem_ptr(reinterpret_cast<Element*>(shared.weight)), Tiles<kColumns, kStages>{});
    const Tensor a = slice.make_fragment_A(slice.partition_A(x_tile));
    const Tensor b = slice.make_fragment_B(slice.partition_B(weight));
    Tensor sums = partition_fragment_C(mma, Shape<Int<kRows>, Int<kColumns>>{});
    clear(sums);
    warpgroup_fence_operand(sums);
    for (int step = 0; step < steps.all(); ++step) {
      const int stage = step % kStages;
      shared.full[stage].wait(step / kStages % 2);
      warpgroup_arrive();
#pragma unroll
      for (int k = 0; k < kStep / 16; ++k) cute::gemm(mma, a(_, _, k, stage), b(_, _, k, stage), sums);
      warpgroup_commit_batch();
      warpgroup_wait<1>();
      if (step > 0 && step - 1 + kStages < steps.all() && lane < 2) {
        const uint32_t self = cute::block_rank_in_cluster();
        shared.empty[(step - 1) % kStages].arrive(lane == 0 ? self : self ^ kSplit);
      }
    }
    warpgroup_wait<0>();
    warpgroup_fence_operand(sums);
    cutlass::arch::NamedBarrier::sync(kConsumers, 0);  // tiles have been read
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      shared.sums[warp][group][lane] =
          make_float4(sums(make_coord(0, 0, group), 0, 0), sums(make_coord(1, 0, group), 0, 0),
                      sums(make_coord(0, 1, group), 0, 0), sums(make_coord(1, 1, group), 0, 0));
    }
    cluster_arrive();
    cudaGridDependencySynchronize();
#pragma unroll
    for (int i = 0; i < 2; ++i) {
#pragma unroll
      for (int group = 0; group < kGroupsOfWarp; ++group) {
        if (exists(i)) x[i][group] = *x_at(i, group);
      }
    }
    cluster_wait();
    float4 parts[kSplit][kGroupsOfWarp];
#pragma unroll
    for (int block = 0; block < kSplit; ++block) {
#pragma unroll
      for (int group = 0; group < kGroupsOfWarp; ++group) {
        const uint32_t at = cute::set_block_rank(
            cute::cast_smem_ptr_to_uint(&shared.sums[rank * kSlabs + slab][first_group + group][lane]),
            block + blockIdx.y % 2 * kSplit);
        float4& part = parts[block][group];
        asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(part.x), "=f"(part.y), "=f"(part.z), "=f"(part.w)
                     : "r"(at));
      }
    }
    float squares[2] = {};
#pragma unroll
    for (int group = 0; group < kGroupsOfWarp; ++group) {
      float4 sum = parts[0][group];
#pragma unroll
      for (int block = 1; block < kSplit; ++block) {
        const float4 part = parts[block][group];
        sum = make_float4(sum.x + part.x, sum.y + part.y, sum.z + part.z, sum.w + part.w);
      }
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const float2 old = __bfloat1622float2(x[i][group]);
        const float2 added = i == 0 ? make_float2(sum.x, sum.y) : make_float2(sum.z, sum.w);
        const __nv_bfloat162 y = __floats2bfloat162_rn(old.x + added.x, old.y + added.y);
        const float2 rounded = __bfloat1622float2(y);
        squares[i] += rounded.x * rounded.x + rounded.y * rounded.y;
        if (exists(i)) *x_at(i, group) = y;
      }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      squares[i] += __shfl_xor_sync(0xffffffffu, squares[i], 1);
      squares[i] += __shfl_xor_sync(0xffffffffu, squares[i], 2);
      if (lane % 4 == 0) shared.squares[warp / kSlabs][slab][lane / 4 + 8 * i] = squares[i];
    }
    cutlass::arch::NamedBarrier::sync(kConsumers, 0);
    const int row = blockIdx.z * kRows + rank * kSlabs * 16 + thread;
    if (thread < kSlabs * 16 && row < args.tokens) {
      float sum = 0;
#pragma unroll
      for (int i = 0; i < kWarpsOfSlab; ++i) sum += shared.squares[i][thread / 16][thread % 16];
      args.squares[blockIdx.y * kShortRows + row] = sum;
    }
  }
  cluster_arrive_relaxed();
  cluster_wait();  // others have read this block's sums
}

}  // namespace

cudaError_t LaunchShortOut(const ShortBlockArgs& args, cudaStream_t stream) {
  Params params{};
  params.args = args;
  const int inputs = args.width + args.hidden;
  cudaError_t error = MapRows(args.out, args.tokens, inputs, args.out_stride, kRows / 2, &params.x);
  if (error != cudaSuccess) return error;
  error = MapRows(args.out_weight, args.width, inputs, inputs, kColumns, &params.weight);
  if (error != cudaSuccess) return error;
  const dim3 grid(kSplit, args.width / kColumns, (args.tokens + kRows - 1) / kRows);
  return LaunchClusters(ShortOut, grid, dim3(kSplit, 2), kThreads, kSharedBytes<Shared>, stream, params);
}

}  // namespace vitok
