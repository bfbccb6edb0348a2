// One block a token. Heads as in qk_norm_rope_cuda.cuh; the MLP's hidden state stays in registers until its amax is
// known, so that e4m3 leaves in the same pass. Every value is read once and written once: the kernel runs at the speed
// of memory. Shapes that do not divide into vectors take a value at a time.
#include <algorithm>

#include "core/ops/qk_norm_rope_cuda.cuh"
#include "core/ops/qk_norm_rope_swiglu_cuda.h"
#include "core/ops/rows_cuda.cuh"

namespace vitok {
namespace {

using qk_norm_rope::Args;
using qk_norm_rope::FillRotation;
using qk_norm_rope::HeadShare;
using qk_norm_rope::NormRotateValues;
using qk_norm_rope::NormRotateVectors;

constexpr int kThreads = 256;
constexpr int kMaxThreads = 1024;

// 1 / scale of the token's hidden state, from each thread's amax. All threads meet here.
__device__ __forceinline__ float FindFactor(float amax, const Args& args) {
  const float scale = fmaxf(ReduceBlock({0, amax}).max, args.least_amax) / kE4m3Max;
  if (threadIdx.x == 0) args.scale[blockIdx.x] = scale;
  return 1.0f / scale;
}

__device__ __forceinline__ void SwiGluVector(uint4 values, uint4 gates, float (&result)[kVector]) {
  float gate[kVector];
  ToFloats(values, result);
  ToFloats(gates, gate);
#pragma unroll
  for (int i = 0; i < kVector; ++i) result[i] = SwiGlu(result[i], gate[i]);
}

// The loads of a thread's share of the hidden state, kVectors vectors at most, apart from its use: they are in flight
// while the rotation is computed.
template <int kVectors>
struct HiddenShare {
  uint4 values[kVectors];
  uint4 gates[kVectors];

  __device__ __forceinline__ HiddenShare(const __nv_bfloat16* from, const Args& args) {
#pragma unroll
    for (int k = 0; k < kVectors; ++k) {
      const int i = threadIdx.x + k * blockDim.x;
      const bool active = i * kVector < args.hidden;
      const __nv_bfloat16* const at = from + i * args.group_stride;
      values[k] = active ? LoadRaw(at) : make_uint4(0, 0, 0, 0);
      gates[k] = active ? LoadRaw(at + args.gate_offset) : make_uint4(0, 0, 0, 0);
    }
  }
};

// Writes the hidden state. All threads meet here, after FillRotation.
template <bool kQuantize, int kVectors>
__device__ __forceinline__ void SwiGluVectors(const HiddenShare<kVectors>& share, const Args& args) {
  const int64_t row = blockIdx.x * args.out_stride;
  float result[kVectors][kVector];
  float factor = 0;
  if constexpr (kQuantize) {
    float amax = 0;
#pragma unroll
    for (int k = 0; k < kVectors; ++k) {
      SwiGluVector(share.values[k], share.gates[k], result[k]);
      amax = AbsMax(result[k], amax);
    }
    factor = FindFactor(amax, args);
  }
#pragma unroll
  for (int k = 0; k < kVectors; ++k) {
    const int i = (threadIdx.x + k * blockDim.x) * kVector;
    if (i >= args.hidden) continue;
    if constexpr (kQuantize) {
      StoreVector(result[k], factor, static_cast<uint8_t*>(args.out) + row + i);
    } else {
      SwiGluVector(share.values[k], share.gates[k], result[k]);
      StoreVector(result[k], static_cast<__nv_bfloat16*>(args.out) + row + i);
    }
  }
  if constexpr (!kQuantize) __syncthreads();
}

template <bool kQuantize, int kLanes, int kVectors>
__global__ void __launch_bounds__(kMaxThreads) MiddleVectors(const Args args) {
  extern __shared__ float2 rotation[];
  auto* const y = static_cast<__nv_bfloat16*>(args.y) + blockIdx.x * args.y_stride;
  const HeadShare<kLanes> heads(args);
  cudaGridDependencySynchronize();
  const uint4 first_head = heads.Load(y, heads.first + heads.slot, args);
  const HiddenShare<kVectors> hidden(y + 3 * args.heads * args.head_dim, args);
  FillRotation(args, blockIdx.x, 1, rotation);
  SwiGluVectors<kQuantize>(hidden, args);
  NormRotateVectors(y, args, heads, first_head, rotation);
}

// Queries and keys alone, of several tokens: there is too little of one to have enough loads in flight. Heads that are
// too many for a block go to others.
constexpr int kTokensOfBlock = 4;

template <int kLanes>
__global__ void __launch_bounds__(kThreads) HeadVectors(const Args args) {
  extern __shared__ float2 rotation[];
  const int64_t token = int64_t{blockIdx.x} * kTokensOfBlock;
  const int tokens = static_cast<int>(min(int64_t{kTokensOfBlock}, args.tokens - token));
  auto* const y = static_cast<__nv_bfloat16*>(args.y) + token * args.y_stride;
  const HeadShare<kLanes> heads(args);
  uint4 first_head[kTokensOfBlock];
#pragma unroll
  for (int i = 0; i < kTokensOfBlock; ++i) {
    if (i < tokens) first_head[i] = heads.Load(y + i * args.y_stride, heads.first + heads.slot, args);
  }
  FillRotation(args, token, tokens, rotation);
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kTokensOfBlock; ++i) {
    if (i >= tokens) break;
    NormRotateVectors(y + i * args.y_stride, args, heads, first_head[i], rotation + i * (args.head_dim / 2));
  }
}

template <bool kQuantize>
__global__ void MiddleValues(const Args args) {
  extern __shared__ float2 rotation[];
  FillRotation(args, blockIdx.x, 1, rotation);
  auto* const y = static_cast<__nv_bfloat16*>(args.y) + blockIdx.x * args.y_stride;
  const __nv_bfloat16* const values = y + 3 * args.heads * args.head_dim;
  const int64_t out = blockIdx.x * args.out_stride;
  const auto hidden = [&](int i) {
    const __nv_bfloat16* const value = values + i / kVector * args.group_stride + i % kVector;
    return SwiGlu(LoadFloat(value), LoadFloat(value + args.gate_offset));
  };
  if constexpr (kQuantize) {
    float amax = 0;
    for (int i = threadIdx.x; i < args.hidden; i += blockDim.x) amax = fmaxf(amax, fabsf(hidden(i)));
    const float factor = FindFactor(amax, args);
    for (int i = threadIdx.x; i < args.hidden; i += blockDim.x) {
      StoreFloat(hidden(i) * factor, static_cast<uint8_t*>(args.out) + out + i);
    }
  } else {
    for (int i = threadIdx.x; i < args.hidden; i += blockDim.x) {
      StoreFloat(hidden(i), static_cast<__nv_bfloat16*>(args.out) + out + i);
    }
    __syncthreads();
  }
  NormRotateValues(y, args, rotation);
}

size_t SharedBytes(const Args& args) { return args.head_dim / 2 * sizeof(float2); }

template <int kLanes>
void LaunchHeads(const Args& args, cudaStream_t stream) {
  const int heads_of_warp = kWarp / (args.head_dim / kVector);
  const int warps = (2 * args.heads + heads_of_warp - 1) / heads_of_warp;
  const auto blocks = static_cast<unsigned>((args.tokens + kTokensOfBlock - 1) / kTokensOfBlock);
  const int threads = std::min(warps * kWarp, kThreads);
  const dim3 grid(blocks, (warps * kWarp + threads - 1) / threads);
  HeadVectors<kLanes><<<grid, threads, kTokensOfBlock * SharedBytes(args), stream>>>(args);
}

template <bool kQuantize, int kLanes>
void LaunchVectors(const Args& args, cudaStream_t stream) {
  if constexpr (!kQuantize) {
    if (args.hidden == 0) return LaunchHeads<kLanes>(args, stream);
  }
  const auto tokens = static_cast<unsigned>(args.tokens);
  const int vectors = args.hidden / kVector;
  if (vectors <= 2 * kThreads) {
    LaunchEarly(MiddleVectors<kQuantize, kLanes, 2>, tokens, kThreads, SharedBytes(args), stream, args);
  } else {
    const int threads = std::max(kThreads, RoundUpToWarps((vectors + 3) / 4));
    LaunchEarly(MiddleVectors<kQuantize, kLanes, 4>, tokens, threads, SharedBytes(args), stream, args);
  }
}

bool RunsInVectors(const Args& args) {
  return args.head_dim % kVector == 0 && args.head_dim <= kWarp * kVector && args.hidden % kVector == 0 &&
         args.hidden <= 4 * kMaxThreads * kVector && TakesVectors(args.y, args.y_stride, 2) &&
         TakesVectors(args.weight_q, 0, 2) && TakesVectors(args.weight_k, 0, 2) &&
         (args.hidden == 0 || TakesVectors(args.out, args.out_stride, args.scale != nullptr ? 1 : 2));
}

template <bool kQuantize>
void Launch(const Args& args, cudaStream_t stream) {
  if (!RunsInVectors(args)) {
    MiddleValues<kQuantize><<<static_cast<unsigned>(args.tokens), kThreads, SharedBytes(args), stream>>>(args);
  } else if (args.head_dim == 64) {
    LaunchVectors<kQuantize, 8>(args, stream);
  } else if (args.head_dim == 128) {
    LaunchVectors<kQuantize, 16>(args, stream);
  } else {
    LaunchVectors<kQuantize, 0>(args, stream);
  }
}

}  // namespace

cudaError_t LaunchQkNormRopeSwiGlu(const Args& args, cudaStream_t stream) {
  args.scale != nullptr ? Launch<true>(args, stream) : Launch<false>(args, stream);
  return cudaGetLastError();
}

}  // namespace vitok
