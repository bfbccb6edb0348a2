// Images of a request to what a tokenizer takes.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/image/preprocessor.h"
#include "core/model/tokenizer.h"
#include "core/tokens/packed_tokens.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// What a request's images are read with; the pointers must outlive the calls.
struct ImageReading {
  const TokenizerInfo* model = nullptr;
  const Preprocessor* preprocessor = nullptr;  // for encoded and raw images; its patch side is the model's
  int64_t max_tokens = 0;
  int64_t max_pixels = 0;
  bool allow_nonfinite = false;
};

// `field` is the image's path in the request ("images[2]"). Errors are INVALID_ARGUMENT with a BadRequest violation.

// Tokens that `image` will have, from headers and shapes alone: cheap, and enough to refuse what is above a limit
// before anything is allocated. Where EXIF orientation may turn the picture, the larger of the two counts.
absl::StatusOr<int64_t> CountImageTokens(std::string_view field, const v1::ImageInput& image,
                                         const ImageReading& reading);

// Decodes and preprocesses, or checks a ready patch dict, whose masked tokens are left out. Pixels stay pixels if the
// tokenizer can do what is left of the pipeline (Preprocessor::pixel_mode), and become patches otherwise. The result
// may be a view of `image`, which must outlive it.
absl::StatusOr<TokenizerInput> ReadImage(std::string_view field, const v1::ImageInput& image,
                                         const ImageReading& reading);

}  // namespace vitok
