// The transformer block of ViTok-v2, in its parallel form with one norm:
//   h = RMSNorm(x);  x = x + gamma · (Attention(h) + MLP(h))
// Source: Na-VAE/vitok-release vitok/models/ae.py and modules; details in docs/NUMERICS.md.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "core/ops/rope2d.h"

namespace vitok {

// Weights under their published names; Linear weights are [out, in].
struct BlockWeights {
  at::Tensor norm1_W;   // norm1.weight
  at::Tensor qkv_3WW;   // attn.qkv_proj.weight, rows: queries, keys, values
  at::Tensor norm_q_D;  // attn.norm_q.weight
  at::Tensor norm_k_D;  // attn.norm_k.weight
  at::Tensor out_WW;    // attn.out_proj.weight
  at::Tensor fc1_2hW;   // ffn.fc1.weight, rows: values, gates
  at::Tensor fc2_Wh;    // ffn.fc2.weight
  at::Tensor gamma_W;   // layer_scale.gamma
};

// Buffers that all blocks of a tower share during one forward pass.
struct BlockScratch {
  at::Tensor qkv_T3HD;  // queries, keys, values
  at::Tensor out_TK;    // [T, W + h]: attention result | MLP hidden state
};

// What of a batch's layout attention needs.
struct AttentionLayout {
  const std::vector<int64_t>& offsets;  // TokenLayout::offsets
  RopeTable rope;
  std::optional<int64_t> window;  // tokens to each side
};

// One block for inference. All but attention is local to a token, so on the CPU the tokens are worked on in chunks that
// stay in a core's cache: norm, qkv and MLP of a chunk, then attention over whole images, then the output product of
// a chunk. out_proj and fc2 are summed, scaled by gamma and added to x, so they are one matrix over the concatenated
// [attention | hidden], with gamma folded into its rows, whose product adds to x. Immutable.
class Block {
 public:
  // Weights on the device and in the dtype that Forward computes in. REQUIRES: shapes as in BlockWeights, W = heads ·
  // D.
  Block(const BlockWeights& weights, int64_t heads);

  BlockScratch MakeScratch(int64_t tokens) const;

  // Adds the block's result to x [T, W] in place. REQUIRES: x and scratch of the weights' dtype and device, scratch for
  // T.
  void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const;

 private:
  // Norm, qkv projection with its norm and rotation, and MLP hidden state of tokens [begin, end).
  void ForwardIn(const at::Tensor& x_TW, const RopeTable& rope, BlockScratch& scratch, int64_t begin,
                 int64_t end) const;

  int64_t heads_;
  int64_t width_;
  int64_t hidden_;
  at::Tensor norm1_W_;
  at::Tensor norm_q_D_;
  at::Tensor norm_k_D_;
  // From PrepareWeight, as transposed views.
  at::Tensor qkv_W3W_;
  at::Tensor fc1_W2h_;
  at::Tensor out_KW_;  // gamma · [out_proj | fc2]
};

}  // namespace vitok
