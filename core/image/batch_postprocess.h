// Patches of a batch back to pictures on one canvas, as the reference's unpatchify, unpack and postprocess. For
// training and evaluation: on any device, and differentiable but for conversion to bytes. The service makes its
// pictures one by one (core/image/postprocess.h, core/model/pixel_sequences.h).
//
// I images of the batch · T their tokens · H, W canvas · P patch side.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/image/postprocess.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// [I, 3, H, W] on the device and of the dtype of the patches: each token in the cell of its row and column, 0
// elsewhere. The canvas has the rows and columns that the tokens of the whole batch need, or max_grid_size of both.
// Reads rows and columns on the host, so a GPU is waited for. REQUIRES: at least one token. INVALID_ARGUMENT: patches
// that have not 3·P·P values, a token outside the canvas, two tokens of an image in one cell (padding tokens too).
absl::StatusOr<at::Tensor> UnpatchifyBatch(const PackedPatches& patches, int64_t patch_px,
                                           std::optional<int64_t> max_grid_size = std::nullopt);

// Image i cut to sizes[i].height_px x width_px from its top left corner: views [3, h, w]. INVALID_ARGUMENT: other than
// I sizes, a size that is empty or larger than the canvas.
absl::StatusOr<std::vector<at::Tensor>> UnpackImages(const at::Tensor& images_I3HW,
                                                     absl::Span<const ImageGeometry> sizes);

struct PostprocessOptions {
  PixelRange from = PixelRange::kMinusOneToOne;
  PixelRange to = PixelRange::kMinusOneToOne;
  bool unpack = true;                    // false: every image has the size of the canvas
  std::optional<int64_t> max_grid_size;  // of UnpatchifyBatch
};

// UnpatchifyBatch, ConvertPixelRange, then UnpackImages with the layout's sizes: I images [3, h, w]. The same errors.
absl::StatusOr<std::vector<at::Tensor>> PostprocessBatch(const PackedPatches& patches, int64_t patch_px,
                                                         const PostprocessOptions& options);

}  // namespace vitok
