// A tokenizer for tests that computes at once and on the host, from patches and latents as floats: Submit makes patches
// of images and pictures of patches.
#pragma once

#include <vector>

#include "core/model/tokenizer.h"

namespace vitok {

class SequenceTokenizer : public Tokenizer {
 public:
  absl::StatusOr<std::unique_ptr<PendingBatch>> Submit(absl::Span<const TokenizerItem> items) override;

 private:
  // One result an input, in order. Called for at least one.
  virtual absl::StatusOr<std::vector<LatentSequence>> Encode(absl::Span<const PatchSequence> images,
                                                             BatchTimes& times) = 0;
  virtual absl::StatusOr<std::vector<PatchSequence>> Decode(absl::Span<const LatentSequence> latents,
                                                            BatchTimes& times) = 0;
  virtual absl::StatusOr<std::vector<PatchSequence>> Reconstruct(absl::Span<const PatchSequence> images,
                                                                 BatchTimes& times) = 0;
};

}  // namespace vitok
