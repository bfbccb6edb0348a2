// Norm and rotation of heads that lie in memory: a head is a few lanes of a warp, which add up its squares by shuffles,
// or a warp where it does not divide into vectors. The rotation of a token is computed from its position into shared
// memory: 8 bytes are read a token, where a table has 4 · head_dim.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

#include "core/ops/qk_norm_rope_swiglu_cuda.h"
#include "core/ops/rope_cuda.cuh"
#include "core/ops/rows_cuda.cuh"

namespace vitok::qk_norm_rope {

using Args = QkNormRopeSwiGluArgs;

// Cosine and sine of each pair of `tokens` tokens from `first`, in shared memory.
__device__ __forceinline__ void FillRotation(const Args& args, int64_t first, int tokens, float2* rotation) {
  const int axis = args.head_dim / 4;
  for (int i = threadIdx.x; i < tokens * 2 * axis; i += blockDim.x) {
    const int64_t token = first + i / (2 * axis);
    const int pair = i % (2 * axis);
    const int position = pair < axis ? args.row[token] : args.col[token];
    rotation[i] = RotationAt(static_cast<float>(position), args.frequency[pair < axis ? pair : pair - axis]);
  }
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

}  // namespace vitok::qk_norm_rope
