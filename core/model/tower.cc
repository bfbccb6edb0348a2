#include "core/model/tower.h"

#include "core/ops/layer_norm.h"

namespace vitok {

at::Tensor Tower::Forward(const at::Tensor& x_TC, const AttentionLayout& attention,
                          std::optional<AttentionPath>* path) const {
  at::Tensor x_TW = in(x_TC);
  if (!blocks.empty()) {
    BlockScratch scratch = blocks.front()->MakeScratch(attention);
    for (const std::unique_ptr<Block>& block : blocks) block->Forward(x_TW, attention, scratch);
    Block::Finish(x_TW, scratch);
    if (path != nullptr) *path = scratch.path();
  }
  const at::Tensor y_TM = out(x_TW);
  return norm_result ? LayerNorm(y_TM) : y_TM;
}

}  // namespace vitok
