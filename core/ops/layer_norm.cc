#include "core/ops/layer_norm.h"

namespace vitok {

at::Tensor LayerNorm(const at::Tensor& x, double eps) {
  if (x.is_cuda()) return at::layer_norm(x, {x.size(-1)}, {}, {}, eps);  // float32 inside
  return at::layer_norm(x.to(at::kFloat), {x.size(-1)}, {}, {}, eps).to(x.scalar_type());
}

}  // namespace vitok
