#include "core/ops/matmul.h"

namespace vitok {

at::Tensor PrepareWeight(const at::Tensor& weight) {
  return weight.device().is_cpu() && weight.scalar_type() == at::kBFloat16 ? weight.to(at::kFloat) : weight;
}

void MatmulInto(const at::Tensor& a_TK, const at::Tensor& weight_KM, at::Tensor& out_TM) {
  if (a_TK.scalar_type() == weight_KM.scalar_type()) {
    at::mm_out(out_TM, a_TK, weight_KM);
  } else {
    out_TM.copy_(at::mm(a_TK.to(weight_KM.scalar_type()), weight_KM));
  }
}

void AddMatmul(const at::Tensor& a_TK, const at::Tensor& weight_KM, at::Tensor& x_TM) {
  if (a_TK.scalar_type() == weight_KM.scalar_type()) {
    x_TM.addmm_(a_TK, weight_KM);
  } else {
    const at::ScalarType wide = weight_KM.scalar_type();
    x_TM.copy_(at::addmm(x_TM.to(wide), a_TK.to(wide), weight_KM));
  }
}

at::Tensor Linear(const at::Tensor& a_TK, const at::Tensor& weight_MK, const at::Tensor& bias_M) {
  return at::linear(a_TK.to(weight_MK.scalar_type()), weight_MK, bias_M).to(a_TK.scalar_type());
}

}  // namespace vitok
