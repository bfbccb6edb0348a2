// The ViTok autoencoder behind the Tokenizer seam: packs images and latents of the host, runs the model, splits
// results.
#pragma once

#include <memory>

#include "core/base/thread_pool.h"
#include "core/model/autoencoder.h"
#include "core/model/device_transfer.h"
#include "core/model/tokenizer.h"

namespace vitok {

// With AutoencoderConfig::attend_padding_to, the latents of an image have those of its padding tokens, too, as the last
// tokens of the sequence at position (0, 0): the decoder attends to them. Latents that come back in have them; shorter
// sequences are filled up with zeros. Patches that come out are of the picture only.
class AutoencoderTokenizer final : public Tokenizer {
 public:
  explicit AutoencoderTokenizer(Autoencoder model);

  const TokenizerInfo& info() const override { return info_; }

  // One copy to the device a batch (BatchStaging) and one back for each form of result. A batch in which some items ask
  // for patches brings all of its patches back.
  absl::StatusOr<std::unique_ptr<PendingBatch>> Submit(absl::Span<const TokenizerItem> items) override;

 private:
  absl::Status RequireHalves(bool encoder, bool decoder) const;

  Autoencoder model_;
  TokenizerInfo info_;
  DeviceTransfer transfer_;
  std::unique_ptr<ThreadPool> copy_threads_;  // null on the CPU
};

}  // namespace vitok
