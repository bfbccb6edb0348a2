// The operations of the preprocessing language, typed and checked, and the functions that carry them out.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string_view>
#include <variant>

#include "absl/status/statusor.h"
#include "core/image/pipeline_syntax.h"
#include "core/image/rgb_image.h"
#include "core/ops/pixel_kernels.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// center_crop(size): a square of that side from the middle of the picture, scaled so that its shorter side fits.
struct CenterCropOp {
  int32_t size_px = 0;
};

// resize_longest_side(max_size): scaled down until no side is longer; smaller pictures stay as they are.
struct ResizeLongestSideOp {
  int32_t max_size_px = 0;
};

// to_tensor: bytes to float32 [3, H, W] in [0, 1].
struct ToTensorOp {};

// normalize(mode="minus_one_to_one"): (x - mean) / std by channel; also "imagenet" and "zero_to_one".
struct NormalizeOp {
  NormalizeMode mode = NormalizeMode::kMinusOneToOne;
};

// patchify(patch=16, max_tokens=256): float32 [3, H, W] to a sequence of patches.
struct PatchifyOp {
  int32_t patch_px = 16;
  int64_t max_tokens = 256;
};

// identity: nothing.
struct IdentityOp {};

using TransformOp = std::variant<CenterCropOp, ResizeLongestSideOp, ToTensorOp, NormalizeOp, PatchifyOp, IdentityOp>;

// Bounds of the arguments, so that sizes derived from them fit their types.
inline constexpr int64_t kMaxSidePx = 65535;    // center_crop's size, resize_longest_side's max_size
inline constexpr int64_t kMaxPatchPx = 256;     // patchify's patch
inline constexpr int64_t kMaxTokens = 1 << 24;  // patchify's max_tokens

// The operation that `call` names. INVALID_ARGUMENT, as PartError: an unknown operation (listing the known ones); a
// missing, unknown, repeated or surplus argument; one of the wrong type or out of range (naming value and bound).
absl::StatusOr<TransformOp> BuildTransform(const OpCall& call);

struct SizePx {
  int64_t height = 0, width = 0;
  friend bool operator==(const SizePx&, const SizePx&) = default;
};

// The size that resize_longest_side gives. INVALID_ARGUMENT if the shorter side rounds to 0.
absl::StatusOr<SizePx> ResizedSize(const ResizeLongestSideOp& op, SizePx size);

// resize_longest_side. The same error as ResizedSize. REQUIRES: image not empty.
absl::StatusOr<RgbImage> ResizeToLongestSide(const ResizeLongestSideOp& op, RgbView image);

// center_crop. REQUIRES: image not empty.
RgbImage CropToCenter(const CenterCropOp& op, RgbView image);

// to_tensor: float32 [3, H, W], v / 255.
at::Tensor ImageToTensor(RgbView image);

// normalize: float32, same shape. REQUIRES: [3, H, W].
at::Tensor NormalizeTensor(const NormalizeOp& op, const at::Tensor& pixels_3HW);

// Tokens of a picture: ceil(H/P) * ceil(W/P). INVALID_ARGUMENT if they are more than max_tokens (names both).
absl::StatusOr<int64_t> CountPatches(const PatchifyOp& op, SizePx size);

// patchify; the right and bottom edges are filled up with 0. The same error as CountPatches. REQUIRES: [3, H, W].
absl::StatusOr<PatchSequence> PatchifyTensor(const PatchifyOp& op, const at::Tensor& pixels_3HW);

// to_tensor, normalize and patchify in one pass over the bytes; equal to the three one after the other.
absl::StatusOr<PatchSequence> PatchifyImage(const NormalizeOp& normalize, const PatchifyOp& op, RgbView image);

}  // namespace vitok
