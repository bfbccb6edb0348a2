// The ATen references are the training path: their gradients are compared with finite differences.
#include <gtest/gtest.h>

#include <functional>

#include "core/ops/rms_norm.h"
#include "core/ops/rope2d.h"
#include "core/ops/swiglu.h"
#include "core/ops/varlen_attention.h"
#include "tests/core/ops/op_params.h"

namespace vitok {
namespace {

// Compares the directional derivative of sum(op(x) · r) along a random direction with its central difference.
void ExpectGradientMatches(const at::Tensor& start, const std::function<at::Tensor(const at::Tensor&)>& op) {
  const at::Tensor result_weights = RandomTensor(op(start).sizes(), at::kFloat, 20);
  const at::Tensor direction = RandomTensor(start.sizes(), at::kFloat, 21);
  const auto loss = [&](const at::Tensor& x) { return (op(x) * result_weights).to(at::kDouble).sum(); };
  at::Tensor x = start.clone().set_requires_grad(true);
  loss(x).backward();
  const double analytic = (x.grad() * direction).to(at::kDouble).sum().item<double>();
  constexpr double kStep = 1e-2;
  const double numeric =
      (loss(start + kStep * direction) - loss(start - kStep * direction)).item<double>() / (2 * kStep);
  EXPECT_NEAR(analytic, numeric, 2e-3 * std::max(1.0, std::abs(numeric)));
}

TEST(Gradient, RmsNorm) {
  const at::Tensor weight = RandomTensor({16}, at::kFloat, 22);
  ExpectGradientMatches(RandomTensor({3, 16}, at::kFloat, 23), [&](const at::Tensor& x) { return RmsNorm(x, weight); });
}

TEST(Gradient, SwiGlu) {
  ExpectGradientMatches(RandomTensor({3, 16}, at::kFloat, 24), [](const at::Tensor& x) { return SwiGlu(x); });
}

TEST(Gradient, Rope) {
  const RopeTable table = MakeRopeTable(at::arange(3, at::kInt), at::arange(3, at::kInt), 8);
  ExpectGradientMatches(RandomTensor({3, 2, 8}, at::kFloat, 25),
                        [&](const at::Tensor& x) { return ApplyRope(x, table); });
}

TEST(Gradient, VarlenAttention) {
  ExpectGradientMatches(RandomTensor({6, 3, 2, 8}, at::kFloat, 26), [](const at::Tensor& qkv) {
    return VarlenAttentionReference(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), {0, 2, 6}, 2);
  });
}

}  // namespace
}  // namespace vitok
