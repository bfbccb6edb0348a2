#include "core/ops/linear.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/ops/swiglu.h"
#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

struct Shape {
  int64_t tokens, inputs, outputs;
};
constexpr Shape kShapes[] = {{1, 1, 1}, {7, 3, 16}, {8, 65, 21}, {37, 192, 64}, {130, 48, 33}, {0, 4, 4}};

// A view of random values with a row stride that is not its width.
at::Tensor Strided(int64_t rows, int64_t columns, int64_t seed) {
  return RandomTensor({rows, columns + 5}, at::kFloat, seed).narrow(1, 2, columns);
}

at::Tensor ExactProduct(const at::Tensor& x_TK, const at::Tensor& weight_MK) {
  return at::matmul(x_TK.to(at::kDouble), weight_MK.to(at::kDouble).t());
}

TEST(CpuLinearTest, EqualsTheExactProductForEveryShapeAndStride) {
  for (const Shape& shape : kShapes) {
    const at::Tensor x = Strided(shape.tokens, shape.inputs, 1);
    const at::Tensor weight = RandomTensor({shape.outputs, shape.inputs}, at::kFloat, 2);
    const at::Tensor scale = RandomTensor({shape.tokens}, at::kFloat, 3);
    const at::Tensor bias = RandomTensor({shape.outputs}, at::kFloat, 4);
    const at::Tensor buffer = at::full({shape.tokens, shape.outputs + 3}, 7.0f);
    at::Tensor y = buffer.narrow(1, 1, shape.outputs);
    CpuLinear(weight).Into(x, scale, CpuLinear::PadBias(bias), y);
    EXPECT_TRUE(IsNear(y, ExactProduct(x, weight) * scale.unsqueeze(1) + bias, 3e-5)) << shape.outputs;
    CpuLinear(weight).Into(x, {}, {}, y);
    EXPECT_TRUE(IsNear(y, ExactProduct(x, weight), 3e-5)) << shape.outputs;
    EXPECT_TRUE((buffer.select(1, 0) == 7).all().item<bool>()) << "wrote before its columns";
    EXPECT_TRUE((buffer.narrow(1, shape.outputs + 1, 2) == 7).all().item<bool>()) << "wrote behind its columns";
  }
}

TEST(CpuLinearTest, AddsToWhatIsThere) {
  for (const Shape& shape : kShapes) {
    const at::Tensor x = Strided(shape.tokens, shape.inputs, 5);
    const at::Tensor weight = RandomTensor({shape.outputs, shape.inputs}, at::kFloat, 6);
    at::Tensor y = Strided(shape.tokens, shape.outputs, 7);
    const at::Tensor expected = ExactProduct(x, weight) + y;
    CpuLinear(weight).AddTo(x, y);
    EXPECT_TRUE(IsNear(y, expected, 3e-5)) << shape.outputs;
  }
}

TEST(CpuLinearTest, ARowDoesNotDependOnTheRowsBesideIt) {
  const at::Tensor x = RandomTensor({29, 100}, at::kFloat, 8);
  const CpuLinear linear(RandomTensor({70, 100}, at::kFloat, 9));
  at::Tensor together = at::empty({29, 70});
  linear.Into(x, {}, {}, together);
  for (int64_t t = 0; t < 29; ++t) {
    at::Tensor alone = at::empty({1, 70});
    linear.Into(x.narrow(0, t, 1), {}, {}, alone);
    EXPECT_TRUE(IsSame(together.narrow(0, t, 1), alone)) << t;
  }
}

TEST(CpuLinearTest, NonfiniteValuesStayInTheirRow) {
  at::Tensor x = at::ones({9, 40});
  x[3][7] = NAN;
  at::Tensor y = at::empty({9, 33});
  CpuLinear(at::ones({33, 40})).Into(x, {}, {}, y);
  EXPECT_TRUE(y[3].isnan().all().item<bool>());
  EXPECT_EQ(y.isfinite().sum().item<int64_t>(), 8 * 33);
}

TEST(CpuSwiGluTest, EqualsTheGatedProduct) {
  for (const Shape& shape : kShapes) {
    const at::Tensor x = Strided(shape.tokens, shape.inputs, 10);
    const at::Tensor weight = RandomTensor({2 * shape.outputs, shape.inputs}, at::kFloat, 11) / std::sqrt(shape.inputs);
    const at::Tensor scale = RandomTensor({shape.tokens}, at::kFloat, 12);
    const at::Tensor buffer = at::full({shape.tokens, shape.outputs + 3}, 7.0f);
    at::Tensor y = buffer.narrow(1, 1, shape.outputs);
    CpuSwiGlu(weight).Into(x, scale, y);
    const at::Tensor expected = SwiGluReference(ExactProduct(x, weight) * scale.unsqueeze(1));
    EXPECT_TRUE(IsNear(y, expected, 2e-5)) << shape.outputs;
    EXPECT_TRUE((buffer.select(1, 0) == 7).all().item<bool>() &&
                (buffer.narrow(1, shape.outputs + 1, 2) == 7).all().item<bool>());
  }
}

TEST(CpuSwiGluTest, IsAccurateForEveryGateSize) {
  const at::Tensor gate_T = at::linspace(-120, 120, 4801);
  at::Tensor y = at::empty({4801, 1});
  // v = 1, g = gate
  CpuSwiGlu(at::tensor({1.0f, 0.0f, 0.0f, 1.0f}).view({2, 2}))
      .Into(at::stack({at::ones_like(gate_T), gate_T}, 1), at::ones({4801}), y);
  const at::Tensor exact = gate_T.to(at::kDouble) * at::sigmoid(gate_T.to(at::kDouble));
  const at::Tensor error = (y.squeeze(1) - exact).abs() / exact.abs().clamp_min(1e-30);
  // Below -87 the exact result is smaller than any normal float32.
  EXPECT_LT(error.masked_select(gate_T > -80).max().item<double>(), 1e-6);
  EXPECT_LT(y.squeeze(1).masked_select(gate_T <= -80).abs().max().item<double>(), 1e-32);
}

TEST(LinearTest, AddsTheBiasOverManyChunks) {
  const at::Tensor x = RandomTensor({300, 40}, at::kFloat, 13);
  const at::Tensor weight = RandomTensor({50, 40}, at::kFloat, 14);
  const at::Tensor bias = RandomTensor({50}, at::kFloat, 15);
  EXPECT_TRUE(IsNear(Linear(weight, bias)(x), ExactProduct(x, weight) + bias, 3e-5));
}

}  // namespace
}  // namespace vitok
