// One block a token. Its rotation is computed from the token's position into shared memory (8 bytes read a token where
// a table has 4 · head_dim); a head is a few lanes of a warp that add up its squares by shuffles; the MLP's hidden
// state stays in registers until its amax is known, so that e4m3 leaves in the same pass. Every value is read once and
// written once: the kernel runs at the speed of memory. Shapes that do not divide into vectors take a value at a time.
#include <algorithm>

#include "core/ops/qk_norm_rope_swiglu_cuda.h"
#include "core/ops/rows_cuda.cuh"

namespace vitok {
namespace {

using Args = QkNormRopeSwiGluArgs;

constexpr int kThreads = 256;
constexpr int kMaxThreads = 1024;

// Cosine and sine of each pair of `tokens` tokens from `first`, in shared memory.
__device__ __forceinline__ void FillRotation(const Args& args, int64_t first, int tokens, float2* rotation) {
  const int axis = args.head_dim / 4;
  for (int i = threadIdx.x; i < tokens * 2 * axis; i += blockDim.x) {
    const int64_t token = first + i / (2 * axis);
    const int pair = i % (2 * axis);
    const int position = pair < axis ? args.row[token] : args.col[token];
    const float angle = static_cast<float>(position) * args.frequency[pair < axis ? pair : pair - axis];
    sincosf(angle, &rotation[i].y, &rotation[i].x);
  }
}

__device__ __forceinline__ float2 Rotate(float a, float b, float2 by) {
  return make_float2(a * by.x - b * by.y, a * by.y + b * by.x);
}

__device__ __forceinline__ float SwiGlu(float value, float gate) {
  return value * __fdividef(gate, 1.0f + __expf(-gate));
}

// Over the `lanes` lanes from `first`. kLanes: their number, or 0.
template <int kLanes>
__device__ __forceinline__ float SumOverLanes(float value, int first, int lanes) {
  if constexpr (kLanes > 0) {
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
  }
  float sum = 0;
  for (int i = 0; i < lanes; ++i) sum += __shfl_sync(0xffffffffu, value, (first + i) % kWarp);
  return sum;
}

// A thread's share of the heads, queries and then keys: one vector each of every step-th head.
// kLanes: lanes of a head if a power of two, else 0. REQUIRES: head_dim a multiple of kVector, at most a warp's.
template <int kLanes>
struct HeadShare {
  int lanes;   // of a head
  int slot;    // of the thread's head among those of its warp; lanes that are left over have one too many
  int column;  // in the head
  int first;   // head of the warp's slot 0
  int step;
  int end;  // of the heads; 0 for lanes left over

  __device__ __forceinline__ explicit HeadShare(const Args& args)
      : lanes(kLanes > 0 ? kLanes : args.head_dim / kVector) {
    const int heads_of_warp = kWarp / lanes;
    const int lane = threadIdx.x % kWarp;
    slot = lane / lanes;
    column = (lane - slot * lanes) * kVector;
    const int warps = blockDim.x / kWarp;
    first = (blockIdx.y * warps + threadIdx.x / kWarp) * heads_of_warp;
    step = gridDim.y * warps * heads_of_warp;
    end = slot < heads_of_warp ? 2 * args.heads : 0;
  }

  __device__ __forceinline__ uint4 Load(const __nv_bfloat16* y, int head, const Args& args) const {
    return head < end ? LoadRaw(y + head * args.head_dim + column) : make_uint4(0, 0, 0, 0);
  }
};

// `raw`: what share.Load gives for the thread's first head.
template <int kLanes>
__device__ __forceinline__ void NormRotateVectors(__nv_bfloat16* y, const Args& args, const HeadShare<kLanes>& share,
                                                  uint4 raw, const float2* rotation) {
  for (int first = share.first; first < 2 * args.heads; first += share.step) {
    const int head = first + share.slot;
    if (first != share.first) raw = share.Load(y, head, args);
    float x[kVector];
    ToFloats(raw, x);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kVector; ++i) sum += x[i] * x[i];
    sum = SumOverLanes<kLanes>(sum, share.slot * share.lanes, share.lanes);
    if (head >= share.end) continue;
    const float norm = rsqrtf(sum / static_cast<float>(args.head_dim) + args.eps);
    float weight[kVector];
    LoadVector(static_cast<const __nv_bfloat16*>(head < args.heads ? args.weight_q : args.weight_k) + share.column,
               weight);
#pragma unroll
    for (int i = 0; i < kVector; i += 2) {
      const float2 rotated =
          Rotate(x[i] * norm * weight[i], x[i + 1] * norm * weight[i + 1], rotation[(share.column + i) / 2]);
      x[i] = rotated.x;
      x[i + 1] = rotated.y;
    }
    StoreVector(x, y + head * args.head_dim + share.column);
  }
}

// A warp a head.
__device__ __forceinline__ void NormRotateValues(__nv_bfloat16* y, const Args& args, const float2* rotation) {
  for (int head = threadIdx.x / kWarp; head < 2 * args.heads; head += blockDim.x / kWarp) {
    __nv_bfloat16* const at = y + head * args.head_dim;
    const auto* const weight = static_cast<const __nv_bfloat16*>(head < args.heads ? args.weight_q : args.weight_k);
    float sum = 0;
    for (int i = 2 * (threadIdx.x % kWarp); i < args.head_dim; i += 2 * kWarp) {
      const float a = LoadFloat(at + i), b = LoadFloat(at + i + 1);
      sum += a * a + b * b;
    }
    const float norm = rsqrtf(ReduceWarp({sum, 0}).sum / static_cast<float>(args.head_dim) + args.eps);
    for (int i = 2 * (threadIdx.x % kWarp); i < args.head_dim; i += 2 * kWarp) {
      const float2 rotated = Rotate(LoadFloat(at + i) * norm * LoadFloat(weight + i),
                                    LoadFloat(at + i + 1) * norm * LoadFloat(weight + i + 1), rotation[i / 2]);
      StoreFloat(rotated.x, at + i);
      StoreFloat(rotated.y, at + i + 1);
    }
  }
}

// 1 / scale of the token's hidden state, from each thread's amax. All threads meet here.
__device__ __forceinline__ float FindFactor(float amax, const Args& args) {
  const float scale = ScaleOfRow(ReduceBlock({0, amax}).max, args.least_amax);
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
