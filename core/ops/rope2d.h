// 2-D rotary position embedding. With axis = D/2 and inv[i] = 10000^(-2i/axis), i < D/4, the angle of pair i is
// row·inv[i] for the first D/4 pairs and col·inv[i] for the last D/4; neighbours (2i, 2i+1) form a pair:
// (a, b) -> (a·cos - b·sin, a·sin + b·cos). Source: "RoFormer", Su et al. 2021, axial as in the ViTok-v2 reference.
#pragma once

#include <ATen/ATen.h>

namespace vitok {

// Cosines and sines, float32 [T, D/2], on the positions' device: row part first, column part after it.
struct RopeTable {
  at::Tensor cos_TF;
  at::Tensor sin_TF;
};

// What a table is made from; kernels that compute the angles themselves take it instead.
struct RopePositions {
  at::Tensor row_T;        // int32 [T]
  at::Tensor col_T;        // int32 [T], same device
  at::Tensor frequency_F;  // RopeFrequencies(head_dim, device)
};

// inv of above: float32 [D/4]. REQUIRES: head_dim is a positive multiple of 4.
at::Tensor RopeFrequencies(int64_t head_dim, at::Device device);

RopeTable MakeRopeTable(const RopePositions& positions);

// row_T, col_T: integer [T], same device. REQUIRES: head_dim is a positive multiple of 4. Angles are formed in float32.
RopeTable MakeRopeTable(const at::Tensor& row_T, const at::Tensor& col_T, int64_t head_dim);

// x [T, H, D], float32 or bfloat16. The table is cast to x's dtype first, as the reference does. Differentiable.
at::Tensor ApplyRope(const at::Tensor& x_THD, const RopeTable& table);

}  // namespace vitok
