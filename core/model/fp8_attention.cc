#include "core/model/fp8_attention.h"

#include "core/ops/attention_plan_key.h"
#include "core/ops/e4m3.h"
#include "core/ops/quantize_qkv.h"

namespace vitok {
namespace {

void Append(TokenRange tokens, std::vector<TokenRange>& runs) {
  if (tokens.count == 0) return;
  if (!runs.empty() && runs.back().first + runs.back().count == tokens.first) {
    runs.back().count += tokens.count;
  } else {
    runs.push_back(tokens);
  }
}

at::Tensor Heads(const at::Tensor& attended_TW, const at::Tensor& qkv_T3HD) {
  return attended_TW.unflatten(1, {qkv_T3HD.size(2), qkv_T3HD.size(3)});
}

}  // namespace

Fp8Attention::Fp8Attention(const AttentionBatch& batch, const at::Tensor& qkv_T3HD, const at::Tensor& qkv8_T3HD,
                           const QuantizedRows& attended)
    : others_(batch) {
  const std::optional<int64_t> least_tokens = LeastFp8Tokens(qkv_T3HD.size(3), batch.window);
  // Lengths on the device alone are those of a captured graph, whose images are short.
  if (least_tokens.has_value() && !batch.max_image_tokens.has_value()) {
    for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
      const TokenRange image{batch.offsets[i], batch.offsets[i + 1] - batch.offsets[i]};
      if (image.count >= *least_tokens) {
        long_images_.push_back(image);
      } else {
        Append(image, other_tokens_);
      }
    }
  }
  if (!long_images_.empty()) {
    AttentionBatch long_images = batch;
    long_images.from_tokens = *least_tokens;
    attention_ = PrepareAttention(qkv8_T3HD.select(1, 0), qkv8_T3HD.select(1, 1), qkv8_T3HD.select(1, 2), long_images,
                                  Heads(attended.values_TK, qkv_T3HD));
  }
  if (attention_ != nullptr) {
    others_.to_tokens = *least_tokens;
  } else {
    long_images_.clear();
    other_tokens_ = {{0, qkv_T3HD.size(0)}};
  }
}

void Fp8Attention::Run(const at::Tensor& qkv_T3HD, at::Tensor& qkv8_T3HD, float value_bound,
                       QuantizedRows& attended) const {
  if (attention_ == nullptr) return;
  const float value_scale = 2 * value_bound / kE4m3Max;  // a value and its image's mean may be of either sign
  const at::Tensor mean_IW = MeanValues(qkv_T3HD.select(1, 2).flatten(1), long_images_);
  at::Tensor qkv8_TQ = qkv8_T3HD.flatten(1);
  QuantizeQkv(qkv_T3HD.flatten(1), long_images_, mean_IW, value_scale, qkv8_TQ);
  at::Tensor attended_THD = Heads(attended.values_TK, qkv_T3HD);
  attention_->Run(qkv8_T3HD.select(1, 0), qkv8_T3HD.select(1, 1), qkv8_T3HD.select(1, 2), attended_THD);
  AddMeanValues(long_images_, mean_IW, value_scale, attended);
}

std::optional<AttentionPath> Fp8Attention::path() const {
  if (attention_ == nullptr) return std::nullopt;
  return attention_->path();
}

}  // namespace vitok
