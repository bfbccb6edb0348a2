// A tokenizer without a model: latents are the patches themselves, so that Decode(Encode(x)) is x. Tests steer it
// through hooks and read what it was called with.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/sequence_tokenizer.h"

namespace vitok {

// Shared by a test and its fake, which a server owns. Thread-safe; set the hook before the first call.
class FakeTokenizerControl {
 public:
  // Runs in every call with the tokens of each item; may block, throw, or return an error.
  std::function<absl::Status(const std::vector<int64_t>& item_tokens)> hook;

  // Item tokens of each batch so far.
  std::vector<std::vector<int64_t>> batches() const {
    absl::MutexLock lock(&mutex_);
    return batches_;
  }

  absl::Status OnCall(std::vector<int64_t> item_tokens) {
    {
      absl::MutexLock lock(&mutex_);
      batches_.push_back(item_tokens);
    }
    return hook ? hook(item_tokens) : absl::OkStatus();
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::vector<int64_t>> batches_ ABSL_GUARDED_BY(mutex_);
};

class FakeTokenizer : public SequenceTokenizer {
 public:
  // The first value of an image that makes its results NaN, though it is finite.
  static constexpr float kPoison = 0.123f;

  explicit FakeTokenizer(int64_t patch_px, std::shared_ptr<FakeTokenizerControl> control = nullptr)
      : control_(control != nullptr ? std::move(control) : std::make_shared<FakeTokenizerControl>()) {
    info_.variant = "fake";
    info_.patch_px = patch_px;
    info_.patch_values = 3 * patch_px * patch_px;
    info_.latent_channels = info_.patch_values;
    info_.device = "cpu";
    info_.encoder_parameters = 1;
    info_.decoder_parameters = 2;
  }

  TokenizerInfo& mutable_info() { return info_; }
  const TokenizerInfo& info() const override { return info_; }

  absl::StatusOr<std::vector<LatentSequence>> Encode(absl::Span<const PatchSequence> images,
                                                     BatchTimes& times) override {
    if (absl::Status status = Begin(images, times); !status.ok()) return status;
    std::vector<LatentSequence> latents;
    for (const PatchSequence& image : images) {
      latents.push_back({Values(image.patches_ND), image.row_N.clone(), image.col_N.clone(), image.geometry});
    }
    return latents;
  }

  absl::StatusOr<std::vector<PatchSequence>> Decode(absl::Span<const LatentSequence> latents,
                                                    BatchTimes& times) override {
    if (absl::Status status = Begin(latents, times); !status.ok()) return status;
    std::vector<PatchSequence> images;
    for (const LatentSequence& latent : latents) {
      images.push_back({Values(latent.z_NZ), latent.row_N.clone(), latent.col_N.clone(), latent.geometry});
    }
    return images;
  }

  absl::StatusOr<std::vector<PatchSequence>> Reconstruct(absl::Span<const PatchSequence> images,
                                                         BatchTimes& times) override {
    absl::StatusOr<std::vector<LatentSequence>> latents = Encode(images, times);
    if (!latents.ok()) return latents.status();
    std::vector<PatchSequence> pictures;
    for (LatentSequence& latent : *latents) {
      pictures.push_back({latent.z_NZ, latent.row_N, latent.col_N, latent.geometry});
    }
    return pictures;
  }

 private:
  template <typename Sequence>
  absl::Status Begin(absl::Span<const Sequence> items, BatchTimes& times) {
    std::vector<int64_t> tokens;
    for (const Sequence& item : items) tokens.push_back(item.row_N.numel());
    times = {absl::Microseconds(1), absl::Microseconds(2), absl::Microseconds(3)};
    return control_->OnCall(std::move(tokens));
  }

  static at::Tensor Values(const at::Tensor& values) {
    at::Tensor copy = values.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    if (copy.flatten()[0].item<float>() == kPoison) copy.fill_(std::numeric_limits<float>::quiet_NaN());
    return copy;
  }

  TokenizerInfo info_;
  const std::shared_ptr<FakeTokenizerControl> control_;
};

}  // namespace vitok
