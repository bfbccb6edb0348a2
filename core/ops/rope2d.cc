#include "core/ops/rope2d.h"

namespace vitok {
namespace {

constexpr double kTheta = 10000.0;

}  // namespace

at::Tensor RopeFrequencies(int64_t head_dim, at::Device device) {
  TORCH_CHECK(head_dim > 0 && head_dim % 4 == 0, "head_dim must be a positive multiple of 4; was ", head_dim);
  const int64_t axis = head_dim / 2;
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  const at::Tensor exponent_F = at::arange(0, axis, 2, options) / static_cast<double>(axis);
  return at::reciprocal(at::pow(kTheta, exponent_F));
}

RopeTable MakeRopeTable(const RopePositions& positions) {
  const auto angles = [&](const at::Tensor& position_T) {
    return position_T.to(at::kFloat).unsqueeze(-1) * positions.frequency_F.unsqueeze(0);
  };
  const at::Tensor angle_TF = at::cat({angles(positions.row_T), angles(positions.col_T)}, -1);
  return {angle_TF.cos(), angle_TF.sin()};
}

RopeTable MakeRopeTable(const at::Tensor& row_T, const at::Tensor& col_T, int64_t head_dim) {
  return MakeRopeTable({row_T, col_T, RopeFrequencies(head_dim, row_T.device())});
}

at::Tensor ApplyRope(const at::Tensor& x_THD, const RopeTable& table) {
  const at::Tensor pairs = x_THD.unflatten(-1, {-1, 2});
  const at::Tensor a = pairs.select(-1, 0);
  const at::Tensor b = pairs.select(-1, 1);
  const at::Tensor cos = table.cos_TF.to(x_THD.scalar_type()).unsqueeze(1);
  const at::Tensor sin = table.sin_TF.to(x_THD.scalar_type()).unsqueeze(1);
  return at::stack({a * cos - b * sin, a * sin + b * cos}, -1).flatten(-2);
}

}  // namespace vitok
