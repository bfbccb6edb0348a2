// A tokenizer without a model, so that what a server with it takes is the server's own. Its results have the shapes of
// a ViTok with 64 latent channels, but always the same values.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "absl/time/clock.h"
#include "tests/support/sequence_tokenizer.h"

namespace vitok {

class ZeroCostTokenizer : public SequenceTokenizer {
 public:
  static constexpr int64_t kLatentChannels = 64;

  // `time_per_token`: how long a batch sleeps for each of its tokens, as a thread does that waits for another device.
  ZeroCostTokenizer(int64_t patch_px, absl::Duration time_per_token) : time_per_token_(time_per_token) {
    info_.variant = "zero-cost";
    info_.patch_px = patch_px;
    info_.patch_values = 3 * patch_px * patch_px;
    patches_ND_ = at::empty({0, info_.patch_values});
    info_.latent_channels = kLatentChannels;
    info_.device = "cpu";
    info_.encoder_parameters = 1;
    info_.decoder_parameters = 1;
  }

  const TokenizerInfo& info() const override { return info_; }

  absl::StatusOr<std::vector<LatentSequence>> Encode(absl::Span<const PatchSequence> images,
                                                     BatchTimes& times) override {
    std::vector<LatentSequence> latents;
    for (const PatchSequence& image : images) {
      latents.push_back(
          {Values(latents_NZ_, image.row_N.numel()), image.row_N.clone(), image.col_N.clone(), image.geometry});
    }
    Wait(images, times);
    return latents;
  }

  absl::StatusOr<std::vector<PatchSequence>> Decode(absl::Span<const LatentSequence> latents,
                                                    BatchTimes& times) override {
    return Pictures(latents, times);
  }

  absl::StatusOr<std::vector<PatchSequence>> Reconstruct(absl::Span<const PatchSequence> images,
                                                         BatchTimes& times) override {
    return Pictures(images, times);
  }

 private:
  template <typename Sequence>
  std::vector<PatchSequence> Pictures(absl::Span<const Sequence> items, BatchTimes& times) {
    std::vector<PatchSequence> pictures;
    for (const Sequence& item : items) {
      pictures.push_back(
          {Values(patches_ND_, item.row_N.numel()), item.row_N.clone(), item.col_N.clone(), item.geometry});
    }
    Wait(items, times);
    return pictures;
  }

  // The first `tokens` rows of `values_NC`, which grows when it is too short. Results may share memory with each other:
  // the server only reads them.
  static at::Tensor Values(at::Tensor& values_NC, int64_t tokens) {
    if (tokens > values_NC.size(0)) values_NC = at::rand({tokens, values_NC.size(1)}) * 2 - 1;
    return values_NC.narrow(0, 0, tokens);
  }

  template <typename Sequence>
  void Wait(absl::Span<const Sequence> items, BatchTimes& times) const {
    times = BatchTimes();
    for (const Sequence& item : items) times.compute += item.row_N.numel() * time_per_token_;
    absl::SleepFor(times.compute);
  }

  const absl::Duration time_per_token_;
  TokenizerInfo info_;
  at::Tensor latents_NZ_ = at::empty({0, kLatentChannels});
  at::Tensor patches_ND_;
};

}  // namespace vitok
