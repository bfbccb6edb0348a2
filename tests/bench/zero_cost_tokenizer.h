// A tokenizer without a model, so that what a server with it takes is the server's own. Its results have the shapes of
// a ViTok with 64 latent channels, but always the same values. Like a model on a GPU it takes and gives the bytes of
// pictures: making patches of them is a part of the model.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/model/pixel_sequences.h"
#include "core/model/tokenizer.h"
#include "tests/support/done_batch.h"

namespace vitok {

class ZeroCostTokenizer final : public Tokenizer {
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

  absl::StatusOr<std::unique_ptr<PendingBatch>> Submit(absl::Span<const TokenizerItem> items) override {
    VITOK_RETURN_IF_ERROR(KindOf(items).status());
    std::vector<TokenizerOutput> outputs;
    BatchTimes times;
    for (const TokenizerItem& item : items) {
      const Tokens tokens = TokensOf(item.input);
      times.compute += tokens.row_N.numel() * time_per_token_;
      outputs.push_back(Output(item.form, tokens));
    }
    absl::SleepFor(times.compute);
    return std::make_unique<DoneBatch>(std::move(outputs), times);
  }

 private:
  struct Tokens {
    ImageGeometry geometry;
    at::Tensor row_N, col_N;
  };

  Tokens TokensOf(const TokenizerInput& input) const {
    if (const auto* image = std::get_if<PixelImage>(&input)) {
      const ImageGeometry geometry = GeometryOf(*image, info_.patch_px);
      TokenPositions positions = RasterPositions(geometry, /*padding=*/0);
      return {geometry, std::move(positions.row_N), std::move(positions.col_N)};
    }
    const auto tokens = [](const auto& sequence) {
      return Tokens{sequence.geometry, sequence.row_N.clone(), sequence.col_N.clone()};
    };
    const auto* patches = std::get_if<PatchSequence>(&input);
    return patches != nullptr ? tokens(*patches) : tokens(std::get<LatentSequence>(input));
  }

  TokenizerOutput Output(OutputForm form, const Tokens& tokens) {
    const ImageGeometry& geometry = tokens.geometry;
    const int64_t count = tokens.row_N.numel();
    switch (form) {
      case OutputForm::kLatents:
        return LatentSequence{Values(latents_NZ_, count), tokens.row_N, tokens.col_N, geometry};
      case OutputForm::kPatches: return PatchSequence{Values(patches_ND_, count), tokens.row_N, tokens.col_N, geometry};
      case OutputForm::kPicture: break;
    }
    const int64_t bytes = 3 * geometry.pixels();
    if (2 * bytes > pixels_.numel()) pixels_ = at::randint(256, {2 * bytes}, at::kByte);
    return DecodedPicture{pixels_.narrow(0, 0, bytes).view({geometry.height_px, geometry.width_px, 3})};
  }

  // The first `tokens` rows of `values_NC`, which grows when it is too short. Results are parts of larger memory, as
  // those of a batch are.
  static at::Tensor Values(at::Tensor& values_NC, int64_t tokens) {
    if (2 * tokens > values_NC.size(0)) values_NC = at::rand({2 * tokens, values_NC.size(1)}) * 2 - 1;
    return values_NC.narrow(0, 0, tokens);
  }

  const absl::Duration time_per_token_;
  TokenizerInfo info_;
  at::Tensor latents_NZ_ = at::empty({0, kLatentChannels});
  at::Tensor patches_ND_;
  at::Tensor pixels_ = at::empty({0}, at::kByte);
};

}  // namespace vitok
