// The transformer block of ViTok-v2, in its parallel form with one norm:
//   h = RMSNorm(x);  x = x + gamma · (Attention(h) + MLP(h))
// Source: Na-VAE/vitok-release vitok/models/ae.py and modules; details in docs/NUMERICS.md.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

#include "core/ops/rope2d.h"
#include "core/ops/varlen_attention.h"

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
  at::Tensor qkv_T3HD;                                      // queries, keys, values
  at::Tensor out_TK;                                        // [T, W + h]: attention result | MLP hidden state
  std::unique_ptr<const PreparedAttention> attention = {};  // made by the first block that attends
};

// What of a batch's layout attention needs.
struct AttentionLayout {
  AttentionBatch batch;
  RopeTable rope;
};

// One block for inference, in the form that suits its device. out_proj and fc2 are summed, scaled by gamma and added to
// x, so they are one matrix over the concatenated [attention | hidden], with gamma folded into its rows. Immutable.
class Block {
 public:
  // Weights on the device and in the dtype that Forward computes in, on the CPU float32. REQUIRES: shapes as in
  // BlockWeights, W = heads · D.
  static std::unique_ptr<Block> Create(const BlockWeights& weights, int64_t heads);

  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  BlockScratch MakeScratch(int64_t tokens) const;

  // Adds the block's result to x [T, W] in place. REQUIRES: x and scratch of the weights' dtype and device, scratch for
  // T.
  virtual void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const = 0;

 protected:
  Block(const BlockWeights& weights, int64_t heads);

  // gamma · [out_proj | fc2], [W, W + h].
  static at::Tensor FoldOutput(const BlockWeights& weights);

  // Attention of all heads from scratch.qkv_T3HD into the first W columns of scratch.out_TK.
  void Attend(const AttentionLayout& attention, BlockScratch& scratch) const;

  const int64_t heads_;
  const int64_t width_;   // W
  const int64_t hidden_;  // h
  const at::Tensor norm_q_D_;
  const at::Tensor norm_k_D_;
};

}  // namespace vitok
