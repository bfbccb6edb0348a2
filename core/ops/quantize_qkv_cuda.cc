#include "core/ops/quantize_qkv_cuda.h"

#include "core/ops/launch_cuda.h"
#include "core/ops/quantize_qkv.h"

namespace vitok {

void QuantizeQkvCuda(const at::Tensor& qkv_TQ, float value_scale, at::Tensor& qkv8_TQ) {
  if (qkv_TQ.numel() == 0) return;
  TORCH_CHECK(qkv_TQ.dim() == 2 && qkv_TQ.size(1) % 3 == 0, "expected columns of queries, keys and values; got ",
              qkv_TQ.sizes());
  CheckRows(qkv_TQ, at::kBFloat16, qkv_TQ.sizes());
  CheckRows(qkv8_TQ, at::kFloat8_e4m3fn, qkv_TQ.sizes());
  const QuantizeQkvArgs args{.qkv = qkv_TQ.const_data_ptr(),
                             .qkv_stride = qkv_TQ.stride(0),
                             .out = qkv8_TQ.mutable_data_ptr(),
                             .out_stride = qkv8_TQ.stride(0),
                             .rows = qkv_TQ.size(0),
                             .width = qkv_TQ.size(1) / 3,
                             .value_factor = 1.0f / value_scale};
  LaunchOn(qkv_TQ, [&](cudaStream_t stream) { return LaunchQuantizeQkv(args, stream); });
}

}  // namespace vitok
