#include "core/ops/swiglu.h"

#include <gtest/gtest.h>

#include "tests/core/ops/op_params.h"
#include "tests/support/tensor_matchers.h"

namespace vitok {
namespace {

class SwiGluTest : public testing::TestWithParam<OpParams> {};

INSTANTIATE_TEST_SUITE_P(, SwiGluTest, kFloatAndBfloat16, OpParamName);

TEST_P(SwiGluTest, KernelEqualsReferenceIntoAnyStride) {
  for (const auto& [tokens, hidden] : {std::pair{1, 1}, {5, 19}, {130, 512}, {0, 4}}) {
    const at::Tensor wide = RandomTensor({tokens, 2 * hidden + 3}, GetParam().dtype, 9) * 3;
    const at::Tensor x = wide.narrow(1, 3, 2 * hidden);
    const at::Tensor buffer = at::zeros({tokens, hidden + 2}, x.options());
    at::Tensor out = buffer.narrow(1, 2, hidden);
    SwiGluInto(x, out);
    EXPECT_TRUE(IsNear(out, SwiGluReference(x), 20 * GetParam().tolerance)) << tokens << "x" << hidden;
    EXPECT_TRUE(IsSame(SwiGlu(x), out.contiguous()));
    EXPECT_EQ(buffer.narrow(1, 0, 2).count_nonzero().item<int64_t>(), 0);
  }
}

TEST(SwiGlu, FirstHalfIsTheValueAndSecondTheGate) {
  const at::Tensor y = SwiGlu(at::tensor({2.0f, 3.0f}).view({1, 2}));
  EXPECT_NEAR(y.item<float>(), 2.0 * 3.0 / (1.0 + std::exp(-3.0)), 1e-6);
}

TEST(SwiGlu, KernelIsAccurateForEveryGateSize) {
  const at::Tensor gate = at::linspace(-120, 120, 4801);
  const at::Tensor x = at::stack({at::ones_like(gate), gate}, 1);
  const at::Tensor expected = SwiGluReference(x.to(at::kDouble)).to(at::kFloat);
  const at::Tensor error = (SwiGlu(x) - expected).abs() / expected.abs().clamp_min(1e-30);
  // Below -87 the exact result is smaller than any normal float32.
  EXPECT_LT(error.masked_select(gate.unsqueeze(1) > -80).max().item<double>(), 1e-6);
  EXPECT_LT(SwiGlu(x).masked_select(gate.unsqueeze(1) <= -80).abs().max().item<double>(), 1e-32);
}

}  // namespace
}  // namespace vitok
