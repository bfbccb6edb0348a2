#include "core/ops/cuda_linear.h"

namespace vitok {

Bfloat16Linear::Bfloat16Linear(const at::Tensor& weight_MK)
    : weight_KM_(weight_MK.to(at::kBFloat16).contiguous().t()) {}

void Bfloat16Linear::Into(const at::Tensor& x_TK, at::Tensor& y_TM) const { at::mm_out(y_TM, x_TK, weight_KM_); }

void Bfloat16Linear::AddTo(const at::Tensor& x_TK, at::Tensor& y_TM) const { y_TM.addmm_(x_TK, weight_KM_); }

Fp8Linear::Fp8Linear(const at::Tensor& weight_MK, Accumulation accumulation) : accumulation_(accumulation) {
  QuantizedRows weight = QuantizedRows::Empty(weight_MK.size(0), weight_MK.size(1), weight_MK.device());
  QuantizeRowsReference(weight_MK, weight);
  weight_KM_ = weight.values_TK.t();
  scale_1M_ = weight.scale_T1.t().contiguous();
}

void Fp8Linear::Into(const QuantizedRows& x, at::Tensor& y_TM) const {
  if (x.values_TK.is_cuda()) {
    at::_scaled_mm_out(y_TM, x.values_TK, weight_KM_, x.scale_T1, scale_1M_, /*bias=*/{}, /*scale_result=*/{},
                       at::kBFloat16, /*use_fast_accum=*/accumulation_ == Accumulation::kFast);
  } else {
    y_TM.copy_(at::mm(x.values_TK.to(at::kFloat), weight_KM_.to(at::kFloat)) * x.scale_T1 * scale_1M_);
  }
}

}  // namespace vitok
