// The transformer block of ViTok-v2, in its parallel form with one norm:
//   h = RMSNorm(x);  x = x + gamma · (Attention(h) + MLP(h))
// Source: Na-VAE/vitok-release vitok/models/ae.py and modules; details in docs/NUMERICS.md.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/precision.h"
#include "core/model/fp8_attention.h"
#include "core/ops/cuda_linear.h"
#include "core/ops/qk_norm_rope_swiglu.h"
#include "core/ops/quantize_rows.h"
#include "core/ops/rope2d.h"
#include "core/ops/short_block.h"
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

// Buffers that all blocks of a tower share during one forward pass; each form of the block has its own of them.
struct BlockScratch {
  at::Tensor qkv_T3HD;  // queries, keys, values
  at::Tensor out_TK;    // [T, W + h]: attention result | MLP hidden state

  std::unique_ptr<const PreparedAttention> attention = {};  // made by the first block that attends
  std::unique_ptr<const Fp8Attention> fp8_attention = {};   // likewise; CudaFp8Block

  RopeTable rope;  // CpuBlock, AtenBlock

  at::Tensor in_TP;  // CUDA: [T, 3W + 2h or 3W], the result of the first product; qkv_T3HD is a view of it
  at::Tensor h_TW;   // CudaBlock: normed x

  std::optional<ShortBlockScratch> short_block = {};  // CudaBlock, few tokens: instead of the rest
  at::Tensor cu_I1;                                   // with it: where images begin, on the device

  QuantizedRows h8;      // CudaFp8Block: normed x
  QuantizedRows out8;    // CudaFp8Block: out_TK
  at::Tensor hidden_Th;  // CudaFp8Block: MLP hidden state before it is quantised, if the first product makes it
  at::Tensor qkv8_T3HD;  // CudaFp8Block: queries, keys, values in e4m3, in memory that is free during attention
  at::Tensor branch_TW;  // CudaFp8Block: attention result, then the block's result
  bool pending = false;  // branch_TW has yet to be added to x

  // How attention was computed, of long images if they have a way of their own. REQUIRES: a block has attended.
  AttentionPath path() const;
};

// What of a batch's layout attention needs.
struct AttentionLayout {
  AttentionBatch batch;
  RopePositions positions;

  int64_t num_tokens() const { return positions.row_T.size(0); }
};

// One block for inference, in the form that suits its device. out_proj and fc2 are summed, scaled by gamma and added to
// x, so they are one matrix over the concatenated [attention | hidden], with gamma folded into its rows. Immutable.
class Block {
 public:
  // Weights on the device that Forward computes on, in StorageDType(precision), on the CPU float32. REQUIRES: shapes as
  // in BlockWeights, W = heads · D; kFp8 only on a GPU that CheckPrecision (core/model/device.h) accepts, W a multiple
  // of Fp8Linear::kAlignment. out_accumulation: of the second product of kFp8.
  static std::unique_ptr<Block> Create(const BlockWeights& weights, int64_t heads, Precision precision,
                                       Accumulation out_accumulation = Accumulation::kFast);

  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // For one pass through blocks of this form and shape.
  virtual BlockScratch MakeScratch(const AttentionLayout& attention) const;

  // Adds the block's result to x [T, W] in place; Finish after the last block completes that. REQUIRES: x of the
  // weights' dtype and device, scratch from MakeScratch with the same layout.
  virtual void Forward(at::Tensor& x_TW, const AttentionLayout& attention, BlockScratch& scratch) const = 0;

  // Adds to x what the last block has left in scratch.
  static void Finish(at::Tensor& x_TW, BlockScratch& scratch);

  // The longest batch for which cuBLAS's kernels, made for short ones, gain more than FusesSwiGlu would.
  static constexpr int64_t kShortTokens = 256;

 protected:
  Block(const BlockWeights& weights, int64_t heads);

  // [qkv; fc1] · norm1 as rows queries, keys, values, MLP values, MLP gates: [3W + 2h, W], float32.
  static at::Tensor FoldInput(const BlockWeights& weights);

  // What the first product of the forms for a GPU takes: FoldInput's rows with MLP values and gates as MlpOrder says.
  at::Tensor OrderMlp(const at::Tensor& in_PW) const;
  MlpColumns MlpOrder() const;

  // Whether the first product, with weights from OrderMlp, is QkvSwiGlu (core/ops/qkv_swiglu.h) for so many tokens.
  bool FusesSwiGlu(const at::Tensor& in_PW, int64_t tokens) const;

  // gamma · [out_proj | fc2], [W, W + h], float32.
  static at::Tensor FoldOutput(const BlockWeights& weights);

  // in_TP [T, 3W + mlp_columns] and qkv_T3HD alone.
  BlockScratch MakeFusedScratch(const AttentionLayout& attention, int64_t mlp_columns) const;

  // Attention of all heads from scratch.qkv_T3HD into attended [T, W], any row stride, the same one in every block.
  void Attend(const AttentionBatch& batch, const at::Tensor& attended_TW, BlockScratch& scratch) const;

  const int64_t heads_;
  const int64_t width_;   // W
  const int64_t hidden_;  // h
  const at::Tensor norm_q_D_;
  const at::Tensor norm_k_D_;
};

}  // namespace vitok
