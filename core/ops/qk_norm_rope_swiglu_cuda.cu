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

// Cosine and sine of each pair of the token, in shared memory.
__device__ __forceinline__ void FillRotation(const Args& args, float2* rotation) {
  const int axis = args.head_dim / 4;
  for (int i = threadIdx.x; i < 2 * axis; i += blockDim.x) {
    const int position = i < axis ? args.row[blockIdx.x] : args.col[blockIdx.x];
    const float angle = static_cast<float>(position) * args.frequency[i < axis ? i : i - axis];
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

// kLanes: lanes of a head if a power of two, else 0. REQUIRES: head_dim a multiple of kVector, at most a warp's.
template <int kLanes>
__device__ __forceinline__ void NormRotateVectors(__nv_bfloat16* y, const Args& args, const float2* rotation) {
  const int lanes = kLanes > 0 ? kLanes : args.head_dim / kVector;
  const int heads_of_warp = kWarp / lanes;
  const int lane = threadIdx.x % kWarp;
  const int slot = lane / lanes;
  const int column = (lane - slot * lanes) * kVector;
  const int step = blockDim.x / kWarp * heads_of_warp;
  for (int first = threadIdx.x / kWarp * heads_of_warp; first < 2 * args.heads; first += step) {
    const int head = first + slot;  // queries, then keys
    const bool active = slot < heads_of_warp && head < 2 * args.heads;
    __nv_bfloat16* const at = y + head * args.head_dim + column;
    float x[kVector] = {};
    if (active) LoadVector(at, x);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kVector; ++i) sum += x[i] * x[i];
    sum = SumOverLanes<kLanes>(sum, slot * lanes, lanes);
    if (!active) continue;
    const float norm = rsqrtf(sum / static_cast<float>(args.head_dim) + args.eps);
    float weight[kVector];
    LoadVector(static_cast<const __nv_bfloat16*>(head < args.heads ? args.weight_q : args.weight_k) + column, weight);
#pragma unroll
    for (int i = 0; i < kVector; i += 2) {
      const float2 rotated =
          Rotate(x[i] * norm * weight[i], x[i + 1] * norm * weight[i + 1], rotation[(column + i) / 2]);
      x[i] = rotated.x;
      x[i + 1] = rotated.y;
    }
    StoreVector(x, at);
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
  const float scale = fmaxf(ReduceBlock({0, amax}).max, args.least_amax) / kE4m3Max;
  if (threadIdx.x == 0) args.scale[blockIdx.x] = scale;
  return 1.0f / scale;
}

__device__ __forceinline__ void SwiGluVector(const __nv_bfloat16* values, int hidden, float (&result)[kVector]) {
  float gate[kVector];
  LoadVector(values, result);
  LoadVector(values + hidden, gate);
#pragma unroll
  for (int i = 0; i < kVector; ++i) result[i] = SwiGlu(result[i], gate[i]);
}

__device__ __forceinline__ void SwiGluVectors(const __nv_bfloat16* values, int hidden, __nv_bfloat16* out) {
  for (int i = threadIdx.x * kVector; i < hidden; i += blockDim.x * kVector) {
    float result[kVector];
    SwiGluVector(values + i, hidden, result);
    StoreVector(result, out + i);
  }
  __syncthreads();
}

template <int kVectors>  // of a thread, at most
__device__ __forceinline__ void SwiGluQuantizeVectors(const __nv_bfloat16* values, const Args& args, uint8_t* out) {
  float result[kVectors][kVector] = {};
  float amax = 0;
#pragma unroll
  for (int k = 0; k < kVectors; ++k) {
    const int i = (threadIdx.x + k * blockDim.x) * kVector;
    if (i >= args.hidden) continue;
    SwiGluVector(values + i, args.hidden, result[k]);
    amax = AbsMax(result[k], amax);
  }
  const float factor = FindFactor(amax, args);
#pragma unroll
  for (int k = 0; k < kVectors; ++k) {
    const int i = (threadIdx.x + k * blockDim.x) * kVector;
    if (i < args.hidden) StoreVector(result[k], factor, out + i);
  }
}

// kVectors: of a thread's hidden state, at most; 0: bfloat16 out.
template <int kLanes, int kVectors>
__global__ void __launch_bounds__(kMaxThreads) MiddleVectors(const Args args) {
  extern __shared__ float2 rotation[];
  FillRotation(args, rotation);
  auto* const y = static_cast<__nv_bfloat16*>(args.y) + blockIdx.x * args.y_stride;
  const __nv_bfloat16* const values = y + 3 * args.heads * args.head_dim;
  const int64_t out = blockIdx.x * args.out_stride;
  if constexpr (kVectors > 0) {
    SwiGluQuantizeVectors<kVectors>(values, args, static_cast<uint8_t*>(args.out) + out);
  } else {
    SwiGluVectors(values, args.hidden, static_cast<__nv_bfloat16*>(args.out) + out);
  }
  NormRotateVectors<kLanes>(y, args, rotation);
}

template <bool kQuantize>
__global__ void MiddleValues(const Args args) {
  extern __shared__ float2 rotation[];
  FillRotation(args, rotation);
  auto* const y = static_cast<__nv_bfloat16*>(args.y) + blockIdx.x * args.y_stride;
  const __nv_bfloat16* const values = y + 3 * args.heads * args.head_dim;
  const int64_t out = blockIdx.x * args.out_stride;
  const auto hidden = [&](int i) { return SwiGlu(LoadFloat(values + i), LoadFloat(values + args.hidden + i)); };
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
void LaunchVectors(const Args& args, cudaStream_t stream) {
  const auto tokens = static_cast<unsigned>(args.tokens);
  const int vectors = args.hidden / kVector;
  if (args.scale == nullptr) {
    MiddleVectors<kLanes, 0><<<tokens, kThreads, SharedBytes(args), stream>>>(args);
  } else if (vectors <= 2 * kThreads) {
    MiddleVectors<kLanes, 2><<<tokens, kThreads, SharedBytes(args), stream>>>(args);
  } else {
    const int threads = std::max(kThreads, RoundUpToWarps((vectors + 3) / 4));
    MiddleVectors<kLanes, 4><<<tokens, threads, SharedBytes(args), stream>>>(args);
  }
}

bool RunsInVectors(const Args& args) {
  return args.head_dim % kVector == 0 && args.head_dim <= kWarp * kVector && args.hidden % kVector == 0 &&
         args.hidden <= 4 * kMaxThreads * kVector && TakesVectors(args.y, args.y_stride, 2) &&
         TakesVectors(args.weight_q, 0, 2) && TakesVectors(args.weight_k, 0, 2) &&
         TakesVectors(args.out, args.out_stride, args.scale != nullptr ? 1 : 2);
}

}  // namespace

cudaError_t LaunchQkNormRopeSwiGlu(const Args& args, cudaStream_t stream) {
  if (!RunsInVectors(args)) {
    const auto tokens = static_cast<unsigned>(args.tokens);
    if (args.scale != nullptr) {
      MiddleValues<true><<<tokens, kThreads, SharedBytes(args), stream>>>(args);
    } else {
      MiddleValues<false><<<tokens, kThreads, SharedBytes(args), stream>>>(args);
    }
  } else if (args.head_dim == 64) {
    LaunchVectors<8>(args, stream);
  } else if (args.head_dim == 128) {
    LaunchVectors<16>(args, stream);
  } else {
    LaunchVectors<0>(args, stream);
  }
  return cudaGetLastError();
}

}  // namespace vitok
