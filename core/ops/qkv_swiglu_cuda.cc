#include "core/ops/qkv_swiglu_cuda.h"

#include <ATen/cuda/CUDAContext.h>

#include "core/ops/launch_cuda.h"
#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/qkv_swiglu.h"
#include "core/ops/rms_norm.h"

namespace vitok {

bool HasQkvSwiGluKernel(const at::Tensor& weight_PK, int64_t hidden) {
  const at::ScalarType dtype = weight_PK.scalar_type();
  if (!weight_PK.is_cuda() || (dtype != at::kBFloat16 && dtype != at::kFloat8_e4m3fn)) return false;
  const cudaDeviceProp* const device = at::cuda::getDeviceProperties(weight_PK.device().index());
  return device->major == 9 && device->minor == 0 && weight_PK.size(1) * weight_PK.element_size() % 16 == 0 &&
         hidden % kMlpGroup == 0 && (weight_PK.size(0) - 2 * hidden) % kQkvSwiGluUnit == 0;
}

namespace {

// The operands of both forms but for their scales.
QkvSwiGluArgs ArgsOf(const at::Tensor& x_TK, const at::Tensor& weight_PK, int64_t heads, const at::Tensor& norm_q_D,
                     const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ,
                     at::Tensor& hidden_Th) {
  const int64_t tokens = x_TK.size(0), inputs = x_TK.size(1), hidden = hidden_Th.size(1);
  const int64_t head_dim = norm_q_D.size(0), width = heads * head_dim;
  CheckRows(x_TK, weight_PK.scalar_type(), {tokens, inputs});
  CheckRows(weight_PK, weight_PK.scalar_type(), {3 * width + 2 * hidden, inputs});
  CheckRows(norm_q_D, at::kBFloat16, {head_dim});
  CheckRows(norm_k_D, at::kBFloat16, {head_dim});
  CheckRows(positions.row_T, at::kInt, {tokens});
  CheckRows(positions.col_T, at::kInt, {tokens});
  CheckRows(positions.frequency_F, at::kFloat, {head_dim / 4});
  CheckRows(qkv_TQ, at::kBFloat16, {tokens, 3 * width});
  CheckRows(hidden_Th, at::kBFloat16, {tokens, hidden});
  TORCH_CHECK(weight_PK.is_contiguous(), "weights must be contiguous");
  const cudaDeviceProp* const device = at::cuda::getDeviceProperties(x_TK.device().index());
  return {.x = x_TK.const_data_ptr(),
          .x_stride = x_TK.stride(0),
          .tokens = tokens,
          .inputs = static_cast<int>(inputs),
          .weight = weight_PK.const_data_ptr(),
          .plain = static_cast<int>(3 * width),
          .plain_out = qkv_TQ.mutable_data_ptr(),
          .plain_stride = qkv_TQ.stride(0),
          .rotated = head_dim == kQkvSwiGluUnit ? static_cast<int>(2 * width) : 0,
          .norm_q = norm_q_D.const_data_ptr(),
          .norm_k = norm_k_D.const_data_ptr(),
          .row = positions.row_T.const_data_ptr<int32_t>(),
          .col = positions.col_T.const_data_ptr<int32_t>(),
          .frequency = positions.frequency_F.const_data_ptr<float>(),
          .eps = static_cast<float>(kNormEps),
          .hidden = static_cast<int>(hidden),
          .hidden_out = hidden_Th.mutable_data_ptr(),
          .hidden_stride = hidden_Th.stride(0),
          .multiprocessors = device->multiProcessorCount,
          .cache_bytes = device->l2CacheSize};
}

// What the kernel has left to do.
void NormRotateOthers(const QkvSwiGluArgs& args, int64_t heads, const at::Tensor& norm_q_D, const at::Tensor& norm_k_D,
                      const RopePositions& positions, at::Tensor& qkv_TQ, at::Tensor& hidden_Th) {
  if (args.rotated > 0) return;
  at::Tensor no_hidden = hidden_Th.narrow(1, 0, 0);
  QkNormRopeSwiGlu(qkv_TQ, heads, norm_q_D, norm_k_D, positions, no_hidden);
}

}  // namespace

void QkvSwiGluCuda(const at::Tensor& x_TK, const at::Tensor& weight_PK, int64_t heads, const at::Tensor& norm_q_D,
                   const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ,
                   at::Tensor& hidden_Th) {
  if (x_TK.size(0) == 0) return;
  const QkvSwiGluArgs args = ArgsOf(x_TK, weight_PK, heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
  LaunchOn(x_TK, [&](cudaStream_t stream) { return LaunchQkvSwiGluBfloat16(args, stream); });
  NormRotateOthers(args, heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
}

void QkvSwiGluCuda(const QuantizedRows& x, const QuantizedRows& weight, int64_t heads, const at::Tensor& norm_q_D,
                   const at::Tensor& norm_k_D, const RopePositions& positions, at::Tensor& qkv_TQ,
                   at::Tensor& hidden_Th) {
  if (x.values_TK.size(0) == 0) return;
  QkvSwiGluArgs args = ArgsOf(x.values_TK, weight.values_TK, heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
  CheckRows(x.scale_T1, at::kFloat, {x.values_TK.size(0), 1});
  CheckRows(weight.scale_T1, at::kFloat, {weight.values_TK.size(0), 1});
  TORCH_CHECK(x.scale_T1.is_contiguous() && weight.scale_T1.is_contiguous(), "scales must be contiguous");
  args.x_scale = x.scale_T1.const_data_ptr<float>();
  args.weight_scale = weight.scale_T1.const_data_ptr<float>();
  LaunchOn(x.values_TK, [&](cudaStream_t stream) { return LaunchQkvSwiGluE4m3(args, stream); });
  NormRotateOthers(args, heads, norm_q_D, norm_k_D, positions, qkv_TQ, hidden_Th);
}

}  // namespace vitok
