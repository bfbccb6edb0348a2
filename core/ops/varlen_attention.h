// Attention over packed images: token i of an image attends to the tokens of the same image only,
// softmax(q·kᵀ / sqrt(D))·v, optionally inside a sliding window |i - j| <= window in token order.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace vitok {

// Writes the attention result into out_THD. q, k, v, out: [T, H, D], same float dtype and device, D contiguous, other
// strides free; out must not overlap the inputs. `offsets` has I + 1 entries on the host (TokenLayout::offsets).
// window: nullopt is full attention; REQUIRES: window >= 0 otherwise. Not differentiable.
void VarlenAttentionInto(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                         const std::vector<int64_t>& offsets, std::optional<int64_t> window, at::Tensor& out_THD);

// The definition: one softmax over the full T x T score matrix with everything outside an image or window masked.
// Differentiable, any device; memory grows with T².
at::Tensor VarlenAttentionReference(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                                    const std::vector<int64_t>& offsets, std::optional<int64_t> window);

// Fused CPU kernel. REQUIRES: UseCpuKernel(q, k, v and out), one dtype.
void VarlenAttentionIntoCpu(const at::Tensor& q_THD, const at::Tensor& k_THD, const at::Tensor& v_THD,
                            const std::vector<int64_t>& offsets, std::optional<int64_t> window, at::Tensor& out_THD);

}  // namespace vitok
