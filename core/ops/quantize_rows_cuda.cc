#include "core/ops/quantize_rows_cuda.h"

#include "core/ops/launch_cuda.h"
#include "core/ops/quantize_rows.h"

namespace vitok {
namespace {

void CheckQuantizedRows(const QuantizedRows& rows, at::IntArrayRef shape) {
  CheckRows(rows.values_TK, at::kFloat8_e4m3fn, shape);
  CheckRows(rows.scale_T1, at::kFloat, {shape[0], 1});
  TORCH_CHECK(rows.scale_T1.is_contiguous(), "scales must be contiguous");
}

QuantizeRowsArgs ArgsOf(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax) {
  CheckQuantizedRows(rows, x_TK.sizes());
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

void RescaleRowsCuda(float from_scale, QuantizedRows& rows) {
  if (rows.values_TK.numel() == 0) return;
  CheckQuantizedRows(rows, rows.values_TK.sizes());
  const RescaleRowsArgs args{.values = rows.values_TK.mutable_data_ptr(),
                             .stride = rows.values_TK.stride(0),
                             .scale = rows.scale_T1.const_data_ptr<float>(),
                             .rows = rows.values_TK.size(0),
                             .width = rows.values_TK.size(1),
                             .from_scale = from_scale};
  LaunchOn(rows.values_TK, [&](cudaStream_t stream) { return LaunchRescaleRows(args, stream); });
}

}  // namespace vitok
