// Attention over packed images: token i of an image attends to the tokens of the same image only,
// softmax(q·kᵀ / sqrt(D))·v, optionally inside a sliding window |i - j| <= window in token order.
//
// All blocks of a tower attend over the same batch, so what depends on the batch alone is done once:
//
//   const std::unique_ptr<const PreparedAttention> attention = PrepareAttention(q, k, v, batch, out);
//   for (...) attention->Run(q, k, v, out);
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "core/ops/attention_plan_key.h"

namespace vitok {

// The images of a packed batch and what their tokens see.
struct AttentionBatch {
  std::vector<int64_t> offsets;   // I + 1 entries (TokenLayout::offsets); images without tokens are allowed
  std::optional<int64_t> window;  // nullopt: full attention; else >= 0

  // The offsets as int32 [I + 1] on the device of the tokens. Undefined: copied from `offsets`.
  at::Tensor cu_I1 = {};

  // Images with fewer tokens, or with `to_tokens` or more, need not be computed: their rows of the result hold no
  // meaning. REQUIRES: not all of them.
  int64_t from_tokens = 0;
  int64_t to_tokens = std::numeric_limits<int64_t>::max();

  // For a captured CUDA graph that will be replayed with other lengths: the most tokens that an image will have then.
  // Lengths are read from cu_I1 when the graph runs, I images of 0 to so many tokens; the path is never kDense, and
  // must not be kPerImage. REQUIRES: cu_I1, and no image of `offsets` is longer. nullopt: lengths are those of
  // `offsets`.
  std::optional<int64_t> max_image_tokens = {};
};

// Attention for one batch. Run may be called from one thread at a time, on the device and stream it was prepared on.
class PreparedAttention {
 public:
  virtual ~PreparedAttention() = default;
  PreparedAttention(const PreparedAttention&) = delete;
  PreparedAttention& operator=(const PreparedAttention&) = delete;

  // Writes the result into out_THD, which must not overlap the inputs. REQUIRES: tensors like those it was prepared
  // with (shapes, strides, dtype, device; q, k and v at addresses as aligned). Not differentiable. On the paths of
  // cuDNN it only launches kernels: no allocation, no synchronisation.
  virtual void Run(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                   at::Tensor& out_THD) const = 0;

  virtual AttentionPath path() const = 0;

 protected:
  PreparedAttention() = default;
};

// Chooses how to compute and prepares it. q, k, v, out: [T, H, D], same dtype and device, D contiguous, other strides
// free; only their form counts. On a GPU with compute capability 9 or more, bfloat16 with D a multiple of 8 up to 128
// goes through cuDNN: kDense if all images have one length (PrefersDense), else kPacked; where cuDNN has no plan,
// kFlash (also on older GPUs). Everything else is kPerImage. A plan that is not there yet is built now, which takes up
// to a second. Waits for the device only if cu_I1 is undefined.
//
// In e4m3 (kFloat8_e4m3fn, all four) inputs are taken for what they are, weights and result are rounded to e4m3:
// kDenseFp8 and kPackedFp8 with D a multiple of 16; nullptr on a GPU where cuDNN has no plan, under a
// window that limits anything, and with max_image_tokens.
std::unique_ptr<const PreparedAttention> PrepareAttention(const at::Tensor& q_THD, const at::Tensor& k_THD,
                                                          const at::Tensor& v_THD, const AttentionBatch& batch,
                                                          const at::Tensor& out_THD);

// PrepareAttention and one Run.
void VarlenAttentionInto(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                         const AttentionBatch& batch, at::Tensor& out_THD);

// The definition: one softmax over the full T x T score matrix with everything outside an image or window masked.
// Differentiable, any device; memory grows with T².
at::Tensor VarlenAttentionReference(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                                    const std::vector<int64_t>& offsets, std::optional<int64_t> window);

// Fused CPU kernel. REQUIRES: UseCpuKernel(q, k, v and out), one dtype.
void VarlenAttentionIntoCpu(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                            const std::vector<int64_t>& offsets, std::optional<int64_t> window, at::Tensor& out_THD);

// ATen's scaled_dot_product_attention for one image after the other; any device and float dtype, e4m3 through float32.
void VarlenAttentionIntoPerImage(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                                 const std::vector<int64_t>& offsets, std::optional<int64_t> window,
                                 at::Tensor& out_THD);

// Through cuDNN. nullptr: not on this device, dtype or shape. REQUIRES: CUDA tensors.
std::unique_ptr<const PreparedAttention> PrepareAttentionCuda(const at::Tensor& q_THD, const at::Tensor& k_THD,
                                                              const at::Tensor& v_THD, const AttentionBatch& batch,
                                                              const at::Tensor& out_THD);

}  // namespace vitok
