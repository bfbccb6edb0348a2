// Attention in e4m3 for the long images of a batch.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/ops/quantize_rows.h"
#include "core/ops/token_range.h"
#include "core/ops/varlen_attention.h"

namespace vitok {

// What CudaFp8Block attends over in e4m3: the images of LeastFp8Tokens and more, wherever they lie in the batch, so
// that how an image is computed depends on its own length alone. The others are left to the caller. Prepared once for a
// pass through blocks that share their buffers. The scale of the values is fixed, and the kernel's result, a mean of
// them, has it, too. What an image's values have in common is left out of them and added to that result
// (core/ops/quantize_qkv.h): with very many keys the kernel's errors would show in smooth pictures.
class Fp8Attention {
 public:
  // qkv [T, 3, H, D] and `attended` [T, H · D] as for Run. Without a plan of cuDNN all images are left to the caller.
  Fp8Attention(const AttentionBatch& batch, const at::Tensor& qkv_T3HD, const at::Tensor& qkv8_T3HD,
               const QuantizedRows& attended);

  // Attends over queries, keys and values of bfloat16 by way of qkv8, same shape, whose contents are lost. The result
  // is quantised by the scales of its rows. REQUIRES: no value is larger than value_bound; tensors like those it was
  // made with.
  void Run(const at::Tensor& qkv_T3HD, at::Tensor& qkv8_T3HD, float value_bound, QuantizedRows& attended) const;

  // The images left to the caller: as a batch, and their tokens. Nothing to do if there are no tokens.
  const AttentionBatch& others() const { return others_; }
  const std::vector<TokenRange>& other_tokens() const { return other_tokens_; }

  // nullopt: all images are left to the caller.
  std::optional<AttentionPath> path() const;

 private:
  std::vector<TokenRange> long_images_;
  std::vector<TokenRange> other_tokens_;
  AttentionBatch others_;
  std::unique_ptr<const PreparedAttention> attention_;  // null without long images
};

}  // namespace vitok
