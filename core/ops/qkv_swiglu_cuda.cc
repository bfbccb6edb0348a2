#include "core/ops/qkv_swiglu_cuda.h"

#include <ATen/cuda/CUDAContext.h>

#include "core/ops/launch_cuda.h"
#include "core/ops/qkv_swiglu.h"

namespace vitok {

bool HasQkvSwiGluKernel(const at::Tensor& weight_PK, int64_t hidden) {
  if (!weight_PK.is_cuda() || weight_PK.scalar_type() != at::kBFloat16) return false;
  const cudaDeviceProp* const device = at::cuda::getDeviceProperties(weight_PK.device().index());
  return device->major == 9 && device->minor == 0 && weight_PK.size(1) % 8 == 0 && hidden % kMlpGroup == 0 &&
         (weight_PK.size(0) - 2 * hidden) % kQkvSwiGluUnit == 0;
}

void QkvSwiGluCuda(const at::Tensor& x_TK, const at::Tensor& weight_PK, at::Tensor& qkv_TQ, at::Tensor& hidden_Th) {
  const int64_t tokens = x_TK.size(0), inputs = x_TK.size(1), plain = qkv_TQ.size(1), hidden = hidden_Th.size(1);
  CheckRows(x_TK, at::kBFloat16, {tokens, inputs});
  CheckRows(weight_PK, at::kBFloat16, {plain + 2 * hidden, inputs});
  CheckRows(qkv_TQ, at::kBFloat16, {tokens, plain});
  CheckRows(hidden_Th, at::kBFloat16, {tokens, hidden});
  TORCH_CHECK(weight_PK.is_contiguous(), "weights must be contiguous");
  if (tokens == 0) return;
  const cudaDeviceProp* const device = at::cuda::getDeviceProperties(x_TK.device().index());
  const QkvSwiGluArgs args{.x = x_TK.const_data_ptr(),
                           .x_stride = x_TK.stride(0),
                           .tokens = tokens,
                           .inputs = static_cast<int>(inputs),
                           .weight = weight_PK.const_data_ptr(),
                           .plain = static_cast<int>(plain),
                           .plain_out = qkv_TQ.mutable_data_ptr(),
                           .plain_stride = qkv_TQ.stride(0),
                           .hidden = static_cast<int>(hidden),
                           .hidden_out = hidden_Th.mutable_data_ptr(),
                           .hidden_stride = hidden_Th.stride(0),
                           .multiprocessors = device->multiProcessorCount,
                           .cache_bytes = device->l2CacheSize};
  LaunchOn(x_TK, [&](cudaStream_t stream) { return LaunchQkvSwiGlu(args, stream); });
}

}  // namespace vitok
