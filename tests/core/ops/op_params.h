// The dtypes an op is tested in, with the tolerance of its fused kernel against the ATen reference.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <ostream>

namespace vitok {

struct OpParams {
  at::ScalarType dtype;
  double tolerance;  // for values of about 1
};

inline void PrintTo(const OpParams& params, std::ostream* out) { *out << c10::toString(params.dtype); }

inline auto OpParamName(const testing::TestParamInfo<OpParams>& info) {
  return std::string(c10::toString(info.param.dtype));
}

// bfloat16 has 8 bits: one step at values up to 4 is 2^-6; kernels round once where the reference rounds several times.
inline const auto kFloatAndBfloat16 = testing::Values(OpParams{at::kFloat, 2e-6}, OpParams{at::kBFloat16, 0.04});

inline at::Tensor RandomTensor(at::IntArrayRef shape, at::ScalarType dtype, int64_t seed) {
  at::manual_seed(seed);
  return at::randn(shape).to(dtype);
}

}  // namespace vitok
