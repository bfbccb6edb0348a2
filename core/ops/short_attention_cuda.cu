// Attention of images with at most 256 tokens between them: a block has all keys and values of a head in shared memory
// and 64 queries, whose weights of all keys stay in registers.
#include "core/ops/short_block_cuda.cuh"

namespace vitok {
namespace {

using namespace short_block;

constexpr int kQueries = 64;
constexpr int kKeys = kShortRows;
constexpr int kAttentionThreads = 128;
constexpr int kStagedStride = kShortHeadDim + 8;

struct Shared {
  alignas(1024) char q[kQueries * kStepBytes];
  alignas(1024) char k[kKeys * kStepBytes];
  alignas(1024) char v[kKeys * kStepBytes];
  alignas(16) uint32_t staged[kQueries * kStagedStride / 2];
  FullBarrier qk_full;
  FullBarrier v_full;
  bool poisoned[kKeys];  // tokens with values that are not finite
};

// Of two bfloat16.
__device__ __forceinline__ bool IsFinitePair(uint32_t pair) {
  return (pair & 0x7f80u) != 0x7f80u && (pair & 0x7f800000u) != 0x7f800000u;
}

struct Params {
  CUtensorMap queries;  // boxes of kQueries
  CUtensorMap keys;     // boxes of kKeys
  ShortBlockArgs args;
};

// The tokens of the image that has `token`; none if it belongs to no image.
__device__ __forceinline__ int2 ImageOf(int token, const ShortBlockArgs& args) {
  int begin = 0, end = args.images;
  while (end - begin > 1) {
    const int middle = (begin + end) / 2;
    (args.cu[middle] <= token ? begin : end) = middle;
  }
  const int2 image = make_int2(args.cu[begin], args.cu[begin + 1]);
  return token < image.y ? image : make_int2(token, token);
}

// A weight of 0 times NaN is NaN: of a token with a value that is not finite the values become 0, so that it reaches no
// image but its own. Whether there is such a token; all threads meet here.
__device__ __forceinline__ bool TakeOutPoison(Shared& shared) {
  constexpr int kVectors = kStepBytes / 16;
  bool any = false;
  for (int key = threadIdx.x; key < kKeys; key += kAttentionThreads) {
    auto* const row = reinterpret_cast<uint4*>(shared.v + key * kStepBytes);
    bool finite = true;
#pragma unroll
    for (int i = 0; i < kVectors; ++i) {
      const uint4 values = row[(i + key) % kVectors];  // neighbours read different banks
      finite &= IsFinitePair(values.x) && IsFinitePair(values.y) && IsFinitePair(values.z) && IsFinitePair(values.w);
    }
    shared.poisoned[key] = !finite;
    if (finite) continue;
    any = true;
    for (int i = 0; i < kVectors; ++i) row[i] = make_uint4(0, 0, 0, 0);
    cutlass::arch::fence_view_async_shared();  // products read it
  }
  return __syncthreads_or(any);
}

__device__ __forceinline__ bool HasPoison(int2 image, const Shared& shared) {
  for (int key = image.x; key < image.y; ++key) {
    if (shared.poisoned[key]) return true;
  }
  return false;
}

__global__ void __launch_bounds__(kAttentionThreads, 1) ShortAttention(const __grid_constant__ Params params) {
  using namespace cute;
  auto& shared = *reinterpret_cast<Shared*>(AlignedShared());
  const ShortBlockArgs& args = params.args;
  const int thread = threadIdx.x, warp = thread / kWarp, lane = thread % kWarp, quad = lane % 4;
  const int first_query = blockIdx.x * kQueries, column = blockIdx.y * kShortHeadDim;
  if (thread == 0) {
    shared.qk_full.init(1);
    shared.v_full.init(1);
    cutlass::arch::fence_barrier_init();
    cute::prefetch_tma_descriptor(reinterpret_cast<const cute::TmaDescriptor*>(&params.queries));
    cute::prefetch_tma_descriptor(reinterpret_cast<const cute::TmaDescriptor*>(&params.keys));
  }
  __syncthreads();
  cudaGridDependencySynchronize();
  cudaTriggerProgrammaticLaunchCompletion();  // only now: the next kernel reads what the one before has written
  if (thread == 0) {
    shared.qk_full.arrive_and_expect_tx(sizeof(shared.q) + sizeof(shared.k));
    Load(params.queries, shared.qk_full, shared.q, column, first_query);
    Load(params.keys, shared.qk_full, shared.k, args.width + column, 0);
    shared.v_full.arrive_and_expect_tx(sizeof(shared.v));
    Load(params.keys, shared.v_full, shared.v, 2 * args.width + column, 0);
  }
  const int row = warp * 16 + lane / 4;
  const int2 images[2] = {ImageOf(first_query + row, args), ImageOf(first_query + row + 8, args)};

  using ScoreMma = decltype(make_tiled_mma(SM90_64x256x16_F32BF16BF16_SS<GMMA::Major::K, GMMA::Major::K>{}));
  using ValueMma = decltype(make_tiled_mma(SM90_64x64x16_F32BF16BF16_RS<GMMA::Major::K, GMMA::Major::MN>{}));
  using Values =
      decltype(tile_to_shape(GMMA::Layout_MN_SW128_Atom<Element>{}, Shape<Int<kShortHeadDim>, Int<kKeys>>{}));
  ScoreMma score_mma;
  ValueMma value_mma;
  const auto score_slice = score_mma.get_thread_slice(thread);
  const auto value_slice = value_mma.get_thread_slice(thread);
  const Tensor q_tile = make_tensor(make_smem_ptr(reinterpret_cast<Element*>(shared.q)), Tiles<kQueries, 1>{});
  const Tensor k_tile = make_tensor(make_smem_ptr(reinterpret_cast<Element*>(shared.k)), Tiles<kKeys, 1>{});
  const Tensor v_tile = make_tensor(make_smem_ptr(reinterpret_cast<Element*>(shared.v)), Values{});
  const Tensor q = score_slice.make_fragment_A(score_slice.partition_A(q_tile));
  const Tensor k = score_slice.make_fragment_B(score_slice.partition_B(k_tile));
  const Tensor v = value_slice.make_fragment_B(value_slice.partition_B(v_tile));
  Tensor scores = partition_fragment_C(score_mma, Shape<Int<kQueries>, Int<kKeys>>{});
  Tensor sums = partition_fragment_C(value_mma, Shape<Int<kQueries>, Int<kShortHeadDim>>{});

  shared.qk_full.wait(0);
  score_mma.accumulate_ = GMMA::ScaleOut::Zero;
  warpgroup_fence_operand(scores);
  warpgroup_arrive();
#pragma unroll
  for (int i = 0; i < kShortHeadDim / 16; ++i) {
    cute::gemm(score_mma, q(_, _, i, 0), k(_, _, i, 0), scores);
    score_mma.accumulate_ = GMMA::ScaleOut::One;
  }
  warpgroup_commit_batch();
  warpgroup_wait<0>();
  warpgroup_fence_operand(scores);

  Tensor weights = make_tensor<Element>(Shape<Shape<_2, _2, _2>, _1, Int<kKeys / 16>>{});
  auto* const weight_words = reinterpret_cast<uint32_t*>(weights.data());
  float total[2];
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const int2 image = images[i];
    float most = -INFINITY;
#pragma unroll
    for (int group = 0; group < kKeys / 8; ++group) {
#pragma unroll
      for (int c = 0; c < 2; ++c) {
        const int key = group * 8 + quad * 2 + c;
        float& score = scores(make_coord(c, i, group), 0, 0);
        if (key < image.x || key >= image.y) score = -INFINITY;
        most = fmaxf(most, score);
      }
    }
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
    most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
    constexpr float kScale = 1.4426950408889634f / 8;  // log2(e) / sqrt(kShortHeadDim)
    const float shift = image.x < image.y ? most * kScale : 0;
    float sum = 0;
#pragma unroll
    for (int group = 0; group < kKeys / 8; ++group) {
      const float first = exp2f(scores(make_coord(0, i, group), 0, 0) * kScale - shift);
      const float second = exp2f(scores(make_coord(1, i, group), 0, 0) * kScale - shift);
      sum += first + second;
      weight_words[group * 2 + i] = PackBfloat16(first, second);
    }
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    total[i] = sum + __shfl_xor_sync(0xffffffffu, sum, 2);
  }

  shared.v_full.wait(0);
  const bool poison = args.images > 1 && TakeOutPoison(shared);
  value_mma.accumulate_ = GMMA::ScaleOut::Zero;
  warpgroup_fence_operand(sums);
  warpgroup_arrive();
#pragma unroll
  for (int i = 0; i < kKeys / 16; ++i) {
    cute::gemm(value_mma, weights(_, _, i), v(_, _, i), sums);
    value_mma.accumulate_ = GMMA::ScaleOut::One;
  }
  warpgroup_commit_batch();
  warpgroup_wait<0>();
  warpgroup_fence_operand(sums);

  const auto staged = [&](int staged_row, int group, int word) {
    return shared.staged + (staged_row * kStagedStride + group * 8) / 2 + word;
  };
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    float factor = total[i] > 0 ? 1 / total[i] : 0;
    if (poison && HasPoison(images[i], shared)) factor = NAN;
#pragma unroll
    for (int group = 0; group < kShortHeadDim / 8; ++group) {
      *staged(row + 8 * i, group, quad) =
          PackBfloat16(sums(make_coord(0, i, group), 0, 0) * factor, sums(make_coord(1, i, group), 0, 0) * factor);
    }
  }
  __syncwarp();
  for (int i = lane; i < 16 * 8; i += kWarp) {
    const int r = warp * 16 + i / 8, group = i % 8;
    if (first_query + r >= args.tokens) continue;
    *reinterpret_cast<uint4*>(static_cast<__nv_bfloat16*>(args.out) + (first_query + r) * args.out_stride + column +
                              group * 8) = *reinterpret_cast<const uint4*>(staged(r, group, 0));
  }
}

}  // namespace

cudaError_t LaunchShortAttention(const ShortBlockArgs& args, cudaStream_t stream) {
  Params params{};
  params.args = args;
  cudaError_t error = MapRows(args.qkv, args.tokens, 3 * args.width, args.qkv_stride, kQueries, &params.queries);
  if (error != cudaSuccess) return error;
  error = MapRows(args.qkv, args.tokens, 3 * args.width, args.qkv_stride, kKeys, &params.keys);
  if (error != cudaSuccess) return error;
  const dim3 grid((args.tokens + kQueries - 1) / kQueries, args.width / kShortHeadDim);
  return LaunchClusters(ShortAttention, grid, dim3(1), kAttentionThreads, kSharedBytes<Shared>, stream, params);
}

}  // namespace vitok
