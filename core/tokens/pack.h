// Packing of host sequences into one batch without padding, and splitting of results.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

struct PackOptions {
  at::ScalarType dtype = at::kFloat;  // of the packed patches or latents
  at::Device device = at::kCPU;
  // Compatibility with the reference's flash path: sequences shorter than this are filled up with zero tokens at
  // position (0, 0), which attend like any other. nullopt: nothing is ever padded.
  std::optional<int64_t> pad_to_tokens;
};

// One copy on the host, one to the device. REQUIRES: at least one image; patches [N, D] with one D; row/col [N].
PackedPatches PackPatches(absl::Span<const PatchSequence> images, const PackOptions& options);
PackedLatents PackLatents(absl::Span<const LatentSequence> latents, const PackOptions& options);

// Host sequences of a packed batch, in order; each owns its memory. Padding tokens come along as the last tokens of
// their image. Row and column are int32.
std::vector<PatchSequence> SplitPatches(const PackedPatches& packed);
std::vector<LatentSequence> SplitLatents(const PackedLatents& packed);

// Tokens that pad_to_tokens adds to these lengths.
int64_t PaddingTokens(absl::Span<const int64_t> lengths, std::optional<int64_t> pad_to_tokens);

}  // namespace vitok
