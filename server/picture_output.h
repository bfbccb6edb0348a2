// What a tokenizer decoded to the pictures of a reply.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/model/tokenizer_batch.h"
#include "server/tensor_convert.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {

// Fills in the defaults (UINT8, quality 95). INVALID_ARGUMENT: an unknown format, a quality out of its range.
absl::StatusOr<v1::PictureOptions> ReadPictureOptions(const v1::PictureOptions& options);

// PNG, JPEG or WebP. REQUIRES: options from ReadPictureOptions.
bool IsFileFormat(const v1::PictureOptions& options);

// What a tokenizer must be asked for: patches for floats, a picture for all else. REQUIRES: as above.
OutputForm OutputFormOf(const v1::PictureOptions& options);

// Writes `output`, of that form, as `options` (from ReadPictureOptions) say, patches cut to the picture's true size.
// Returns the bytes of the tensor (then `picture` has one) or of the file, which stay out of the message
// (server/reply_bytes.h). INVALID_ARGUMENT: a picture that the file
// format cannot hold.
absl::StatusOr<WrittenValue> WritePicture(const TokenizerOutput& output, int64_t patch_px,
                                          const v1::PictureOptions& options, v1::Picture* picture);

}  // namespace vitok
