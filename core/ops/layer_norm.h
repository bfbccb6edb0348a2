// LayerNorm without weight and bias, for latents: (x - mean) / sqrt(var + eps) over the last dimension, population
// variance, computed in float32 and cast back to x's dtype.
#pragma once

#include <ATen/ATen.h>

#include "core/ops/rms_norm.h"

namespace vitok {

// x [..., Z], any float dtype and device. Differentiable.
at::Tensor LayerNorm(const at::Tensor& x, double eps = kNormEps);

}  // namespace vitok
