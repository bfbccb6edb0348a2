// Latents of a request to latent sequences.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/model/tokenizer.h"
#include "core/tokens/packed_tokens.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// `field` is the latent's path in the request ("latents[0]"). Errors are INVALID_ARGUMENT with a BadRequest violation
// of the part that is wrong.

// Tokens of `latents`, from its shape alone: N of [N, C] or h * w of [C, h, w]. Refuses more than max_tokens.
absl::StatusOr<int64_t> CountLatentTokens(std::string_view field, const v1::Latents& latents, int64_t max_tokens);

// Checks everything. The result may be a view of `latents`, which must outlive it; z keeps its dtype.
absl::StatusOr<LatentSequence> ReadLatents(std::string_view field, const v1::Latents& latents,
                                           const TokenizerInfo& model, bool allow_nonfinite);

}  // namespace vitok
