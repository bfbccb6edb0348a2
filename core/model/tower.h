// One half of the autoencoder: embedding, blocks, projection; an encoder's result is normed.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <vector>

#include "core/model/block.h"
#include "core/ops/linear.h"

namespace vitok {

struct Tower {
  Linear in;
  std::vector<std::unique_ptr<Block>> blocks;
  at::Tensor rope_frequency_F;
  Linear out;
  bool norm_result = false;  // LayerNorm without weights

  // x [T, C] of the weights' dtype and device -> [T, M]. `path`, if not null: how attention was computed; nullopt
  // without blocks.
  at::Tensor Forward(const at::Tensor& x_TC, const AttentionLayout& attention,
                     std::optional<AttentionPath>* path = nullptr) const;
};

}  // namespace vitok
