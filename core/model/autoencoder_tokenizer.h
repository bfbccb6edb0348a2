// The ViTok autoencoder behind the Tokenizer seam: packs host sequences, runs the model, splits the results.
#pragma once

#include <vector>

#include "core/model/autoencoder.h"
#include "core/model/device_transfer.h"
#include "core/model/tokenizer.h"

namespace vitok {

// With AutoencoderConfig::attend_padding_to, Encode returns the latents of padding tokens too, as the last tokens of a
// sequence at position (0, 0): the decoder attends to them. Decode takes them back, fills shorter sequences up with
// zeros, and returns patches of the picture only.
class AutoencoderTokenizer final : public Tokenizer {
 public:
  explicit AutoencoderTokenizer(Autoencoder model);

  const TokenizerInfo& info() const override { return info_; }
  absl::StatusOr<std::vector<LatentSequence>> Encode(absl::Span<const PatchSequence> images,
                                                     BatchTimes& times) override;
  absl::StatusOr<std::vector<PatchSequence>> Decode(absl::Span<const LatentSequence> latents,
                                                    BatchTimes& times) override;
  absl::StatusOr<std::vector<PatchSequence>> Reconstruct(absl::Span<const PatchSequence> images,
                                                         BatchTimes& times) override;

  // One copy to the device a batch (BatchStaging) and one back for each form of result. A batch in which some items ask
  // for patches brings all of its patches back.
  absl::StatusOr<std::unique_ptr<PendingBatch>> Submit(absl::Span<const TokenizerItem> items) override;

 private:
  absl::Status RequireHalves(bool encoder, bool decoder) const;

  Autoencoder model_;
  TokenizerInfo info_;
  DeviceTransfer transfer_;
};

}  // namespace vitok
