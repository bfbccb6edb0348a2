#include "core/ops/linear.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "core/ops/linear_kernel.h"
#include "core/ops/round_up.h"
#include "core/ops/token_chunks.h"

namespace vitok {
namespace {

// [M, K] -> [ceil(M / columns), K, columns], filled up with 0.
at::Tensor ToPanels(const at::Tensor& weight_MK, int64_t columns) {
  const int64_t outputs = RoundUp(weight_MK.size(0), columns);
  const at::Tensor padded = at::constant_pad_nd(weight_MK, {0, 0, 0, outputs - weight_MK.size(0)});
  return padded.view({-1, columns, weight_MK.size(1)}).transpose(1, 2).contiguous();
}

const float* DataOrNull(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

LinearRows Rows(const at::Tensor& x_TK, const at::Tensor& panels, int64_t outputs, const at::Tensor& scale_T,
                const at::Tensor& bias, at::Tensor& y) {
  return {.x = x_TK.const_data_ptr<float>(),
          .x_stride = x_TK.stride(0),
          .rows = x_TK.size(0),
          .inputs = x_TK.size(1),
          .weight = panels.const_data_ptr<float>(),
          .outputs = outputs,
          .scale = DataOrNull(scale_T),
          .bias = DataOrNull(bias),
          .y = y.data_ptr<float>(),
          .y_stride = y.stride(0)};
}

}  // namespace

CpuLinear::CpuLinear(const at::Tensor& weight_MK)
    : panels_(ToPanels(weight_MK.to(at::kFloat), kLinearPanel)), outputs_(weight_MK.size(0)) {}

void CpuLinear::Into(const at::Tensor& x_TK, const at::Tensor& scale_T, const at::Tensor& bias,
                     at::Tensor& y_TM) const {
  RunLinear(Rows(x_TK, panels_, outputs_, scale_T, bias, y_TM));
}

void CpuLinear::AddTo(const at::Tensor& x_TK, at::Tensor& y_TM) const {
  RunLinearAdd(Rows(x_TK, panels_, outputs_, at::Tensor(), at::Tensor(), y_TM));
}

at::Tensor CpuLinear::PadBias(const at::Tensor& bias_M) {
  const int64_t outputs = bias_M.size(0);
  return at::constant_pad_nd(bias_M.to(at::kFloat), {0, RoundUp(outputs, kLinearPanel) - outputs});
}

CpuSwiGlu::CpuSwiGlu(const at::Tensor& weight_2hK) : outputs_(weight_2hK.size(0) / 2) {
  constexpr int64_t kColumns = kLinearPanel / 2;
  const at::Tensor values = ToPanels(weight_2hK.narrow(0, 0, outputs_).to(at::kFloat), kColumns);
  const at::Tensor gates = ToPanels(weight_2hK.narrow(0, outputs_, outputs_).to(at::kFloat), kColumns);
  panels_ = at::cat({values, gates}, 2);
}

void CpuSwiGlu::Into(const at::Tensor& x_TK, const at::Tensor& scale_T, at::Tensor& y_Th) const {
  RunLinearSwiGlu(Rows(x_TK, panels_, outputs_, scale_T, at::Tensor(), y_Th));
}

Linear::Linear(const at::Tensor& weight_MK, const at::Tensor& bias_M) {
  if (weight_MK.is_cpu()) {
    cpu_.emplace(weight_MK);
    bias_M_ = CpuLinear::PadBias(bias_M);
  } else {
    weight_MK_ = weight_MK;
    bias_M_ = bias_M;
  }
}

at::Tensor Linear::operator()(const at::Tensor& x_TK) const {
  if (!cpu_) return at::linear(x_TK, weight_MK_, bias_M_);
  at::Tensor y_TM = at::empty({x_TK.size(0), cpu_->outputs()}, x_TK.options());
  ForEachTokenChunk(x_TK, [&](int64_t begin, int64_t end) {
    at::Tensor chunk_TM = y_TM.narrow(0, begin, end - begin);
    cpu_->Into(x_TK.narrow(0, begin, end - begin), at::Tensor(), bias_M_, chunk_TM);
  });
  return y_TM;
}

}  // namespace vitok
