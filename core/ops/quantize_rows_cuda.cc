#include "core/ops/quantize_rows_cuda.h"

#include "core/ops/launch_cuda.h"
#include "core/ops/quantize_rows.h"

namespace vitok {
namespace {

QuantizeRowsArgs ArgsOf(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax) {
  CheckRows(rows.values_TK, at::kFloat8_e4m3fn, x_TK.sizes());
  CheckRows(rows.scale_T1, at::kFloat, {x_TK.size(0), 1});
  TORCH_CHECK(rows.scale_T1.is_contiguous(), "scales must be contiguous");
  return {.x = x_TK.const_data_ptr(),
          .x_stride = x_TK.stride(0),
          .out = rows.values_TK.mutable_data_ptr(),
          .out_stride = rows.values_TK.stride(0),
          .scale = rows.scale_T1.mutable_data_ptr<float>(),
          .rows = x_TK.size(0),
          .width = x_TK.size(1),
          .least_amax = least_amax};
}

}  // namespace

void QuantizeRowsCuda(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax) {
  if (x_TK.numel() == 0) return;
  LaunchOn(x_TK,
           [args = ArgsOf(x_TK, rows, least_amax)](cudaStream_t stream) { return LaunchQuantizeRows(args, stream); });
}

void QuantizeRowsByCuda(const at::Tensor& x_TK, QuantizedRows& rows) {
  if (x_TK.numel() == 0) return;
  LaunchOn(x_TK,
           [args = ArgsOf(x_TK, rows, kLeastAmax)](cudaStream_t stream) { return LaunchQuantizeRowsBy(args, stream); });
}

}  // namespace vitok
