#include "core/ops/quantize_rows.h"

#include "core/ops/kernel_dispatch.h"

namespace vitok {

QuantizedRows QuantizedRows::Empty(int64_t rows, int64_t width, at::Device device) {
  return {at::empty({rows, width}, at::TensorOptions(at::kFloat8_e4m3fn).device(device)),
          at::empty({rows, 1}, at::TensorOptions(at::kFloat).device(device))};
}

QuantizedRows QuantizedRows::Narrow(int64_t first, int64_t rows) const {
  return {values_TK.narrow(0, first, rows), scale_T1.narrow(0, first, rows)};
}

at::Tensor QuantizedRows::Dequantize() const { return values_TK.to(at::kFloat) * scale_T1; }

void QuantizeRowsReference(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax) {
  rows.scale_T1.copy_(x_TK.to(at::kFloat).abs().amax(1, /*keepdim=*/true).clamp_min(least_amax) / kE4m3Max);
  QuantizeRowsByReference(x_TK, rows);
}

void QuantizeRowsByReference(const at::Tensor& x_TK, QuantizedRows& rows) {
  rows.values_TK.copy_((x_TK.to(at::kFloat) / rows.scale_T1).clamp(-kE4m3Max, kE4m3Max));
}

void QuantizeRowsInto(const at::Tensor& x_TK, QuantizedRows& rows, float least_amax) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(x_TK)) return QuantizeRowsCuda(x_TK, rows, least_amax);
#endif
  QuantizeRowsReference(x_TK, rows, least_amax);
}

void QuantizeRowsBy(const at::Tensor& x_TK, QuantizedRows& rows) {
#ifdef VITOK_CUDA
  if (UseCudaKernel(x_TK)) return QuantizeRowsByCuda(x_TK, rows);
#endif
  QuantizeRowsByReference(x_TK, rows);
}

}  // namespace vitok
