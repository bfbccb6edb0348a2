// Ready patch dicts of a request, padded or packed, to patch sequences.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/model/tokenizer.h"
#include "core/tokens/packed_tokens.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// `field` is the patch dict's path in the request ("images[2].patches"). Errors are INVALID_ARGUMENT with a BadRequest
// violation of the part that is wrong.

// Tokens that the mask keeps; all if there is no mask.
absl::StatusOr<int64_t> CountPatchDictTokens(std::string_view field, const v1::PatchDict& patches);

// Checks everything and leaves the masked tokens out. float32 and bfloat16 patches keep their dtype, float16 becomes
// float32 (exactly). The result may be a view of `patches`, which must outlive it.
absl::StatusOr<PatchSequence> ReadPatchDict(std::string_view field, const v1::PatchDict& patches,
                                            const TokenizerInfo& model, bool allow_nonfinite);

}  // namespace vitok
