// Norm and rotation of a head while it is in registers or L1; eager ATen makes some twenty passes and five temporaries.
// The rotation is written as y = x·C + swap(x)·S with C = (c, c, ...) and S = (-s, s, ...), which vectorises.
#include <ATen/Parallel.h>

#include <cmath>
#include <vector>

#include "core/ops/float_rows.h"
#include "core/ops/kernel_dispatch.h"
#include "core/ops/qk_norm_rope.h"
#include "core/ops/rms_norm.h"

namespace vitok {
namespace {

// One token: `heads` rows of `dim` values at x, changed in place. `scratch` holds dim values.
template <typename T>
__attribute__((always_inline)) inline void NormRotateHeads(T* x, int64_t heads, int64_t dim, const float* weight,
                                                           const float* cos, const float* sin, float* scratch) {
  for (int64_t h = 0; h < heads; ++h, x += dim) {
    float sum = 0;
    for (int64_t i = 0; i < dim; ++i) {
      const float value = LoadFloat(x + i);
      sum += value * value;
    }
    const float scale = 1.0f / std::sqrt(sum / static_cast<float>(dim) + static_cast<float>(kNormEps));
    for (int64_t i = 0; i < dim; ++i) scratch[i] = LoadFloat(x + i) * scale * weight[i];
    for (int64_t i = 0; i < dim; i += 2) {
      const float a = scratch[i];
      const float b = scratch[i + 1];
      StoreFloat(a * cos[i] + b * sin[i], x + i);
      StoreFloat(b * cos[i + 1] + a * sin[i + 1], x + i + 1);
    }
  }
}

VITOK_MULTIVERSION void NormRotateFloat(float* x, int64_t heads, int64_t dim, const float* weight, const float* cos,
                                        const float* sin, float* scratch) {
  NormRotateHeads(x, heads, dim, weight, cos, sin, scratch);
}

VITOK_MULTIVERSION void NormRotateBfloat16(c10::BFloat16* x, int64_t heads, int64_t dim, const float* weight,
                                           const float* cos, const float* sin, float* scratch) {
  NormRotateHeads(x, heads, dim, weight, cos, sin, scratch);
}

}  // namespace

void QkNormRopeCpu(at::Tensor& qkv_T3HD, const at::Tensor& weight_q_D, const at::Tensor& weight_k_D,
                   const RopeTable& table) {
  const int64_t tokens = qkv_T3HD.size(0);
  const int64_t heads = qkv_T3HD.size(2);
  const int64_t dim = qkv_T3HD.size(3);
  const int64_t half = dim / 2;
  const int64_t stride = qkv_T3HD.stride(0);
  const at::Tensor weight_q32 = weight_q_D.to(at::kFloat).contiguous();
  const at::Tensor weight_k32 = weight_k_D.to(at::kFloat).contiguous();
  const at::Tensor cos_TF = table.cos_TF.contiguous();
  const at::Tensor sin_TF = table.sin_TF.contiguous();
  const auto run = [&](auto* norm_rotate, auto* qkv) {
    at::parallel_for(0, tokens, RowGrain(2 * heads * dim), [&](int64_t begin, int64_t end) {
      std::vector<float> buffer(3 * dim);
      float* cos = buffer.data();
      float* sin = cos + dim;
      float* scratch = sin + dim;
      for (int64_t t = begin; t < end; ++t) {
        const float* cos_row = cos_TF.const_data_ptr<float>() + t * half;
        const float* sin_row = sin_TF.const_data_ptr<float>() + t * half;
        for (int64_t i = 0; i < half; ++i) {
          cos[2 * i] = cos[2 * i + 1] = cos_row[i];
          sin[2 * i] = -sin_row[i];
          sin[2 * i + 1] = sin_row[i];
        }
        norm_rotate(qkv + t * stride, heads, dim, weight_q32.const_data_ptr<float>(), cos, sin, scratch);
        norm_rotate(qkv + t * stride + heads * dim, heads, dim, weight_k32.const_data_ptr<float>(), cos, sin, scratch);
      }
    });
  };
  if (qkv_T3HD.scalar_type() == at::kFloat) {
    run(&NormRotateFloat, qkv_T3HD.data_ptr<float>());
  } else {
    run(&NormRotateBfloat16, qkv_T3HD.data_ptr<c10::BFloat16>());
  }
}

}  // namespace vitok
