#include "core/ops/cuda_linear.h"

#include <gtest/gtest.h>

#include "tests/core/ops/cuda_checks.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

// y = x · Wᵀ of what the layers hold, in float32.
void ExpectProducts(int64_t tokens, int64_t inputs, int64_t outputs, at::Device device) {
  SCOPED_TRACE(testing::Message() << tokens << " x " << inputs << " x " << outputs);
  at::manual_seed(2);
  const at::Tensor weight = at::randn({outputs, inputs}).to(device);
  const at::Tensor x = at::randn({tokens, inputs}).to(device, at::kBFloat16);
  at::Tensor y = at::full({tokens, outputs}, NAN, x.options());
  // A step of bfloat16 at six deviations. Short batches sum parts of K that were rounded to bfloat16 on their own.
  const double tolerance = std::sqrt(static_cast<double>(inputs)) / 16;

  const Bfloat16Linear bfloat16(weight);
  const at::Tensor expected = at::linear(x.to(at::kFloat), weight.to(at::kBFloat16).to(at::kFloat));
  bfloat16.Into(x, y);
  EXPECT_TRUE(IsNear(y, expected, tolerance));
  y.fill_(1);
  bfloat16.AddTo(x, y);
  EXPECT_TRUE(IsNear(y, expected + 1, tolerance));

  QuantizedRows x8 = QuantizedRows::Empty(tokens, inputs, device);
  QuantizeRowsInto(x, x8);
  QuantizedRows weight8 = QuantizedRows::Empty(outputs, inputs, device);
  QuantizeRowsInto(weight, weight8);
  y.fill_(NAN);
  Fp8Linear(weight).Into(x8, y);
  EXPECT_TRUE(IsNear(y, at::linear(x8.Dequantize(), weight8.Dequantize()), tolerance));
}

TEST(CudaLinear, WithoutAGpuAtenComputesTheSame) { ExpectProducts(5, 32, 48, at::kCPU); }

class CudaLinearTest : public CudaTest {};

TEST_F(CudaLinearTest, EqualsFloat32) {
  for (const int64_t tokens : {1, 3, 129, 1000}) {
    ExpectProducts(tokens, 1024, 8544, at::kCUDA);
    ExpectProducts(tokens, 3760, 1024, at::kCUDA);
    ExpectProducts(tokens, 48, 176, at::kCUDA);
  }
}

}  // namespace
}  // namespace vitok
