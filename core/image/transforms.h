// The operations of the preprocessing language, typed and checked, and the functions that carry them out. What a random
// operation does to one picture: core/image/random_transforms.h.
#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/image/pipeline_syntax.h"
#include "core/image/resample.h"
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

// random_resized_crop(size, scale=(0.8, 1.0), ratio=(0.75, 1.333)): a random box of the picture, scaled to the size.
struct RandomResizedCropOp {
  int32_t height_px = 0, width_px = 0;          // of the result: size is the side of a square, or (height, width)
  std::array<double, 2> scale = {0.8, 1.0};     // range of the box's area, as a share of the picture's
  std::array<double, 2> ratio = {0.75, 1.333};  // range of its width / height
};

// flip(p=0.5): mirrored left to right with that probability.
struct FlipOp {
  double probability = 0.5;
};

struct RandomChoice;

// random_choice(ops, probs): one of the operations. All of them take and give the same.
struct RandomChoiceOp {
  std::vector<RandomChoice> choices;  // at least one, with a weight above 0
};

// resize_to_token_budget(patch, max_tokens): scaled down, both sides on their own, until there are that few patches.
struct ResizeToTokenBudgetOp {
  int32_t patch_px = 0;
  int64_t max_tokens = 0;
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

// What random_resized_crop does once its box is drawn: the box alone, resized. Has no name in the language.
struct CropAndResizeOp {
  PixelWindow box;
  int32_t height_px = 0, width_px = 0;  // of the result
};

// What flip does if it does anything. Has no name in the language.
struct MirrorOp {};

using TransformOp =
    std::variant<CenterCropOp, ResizeLongestSideOp, RandomResizedCropOp, FlipOp, RandomChoiceOp, ToTensorOp,
                 NormalizeOp, ResizeToTokenBudgetOp, PatchifyOp, IdentityOp, CropAndResizeOp, MirrorOp>;

struct RandomChoice {
  TransformOp op;
  double weight = 0.0;  // 0 or more; its share of the sum of the weights is the probability
};

// Bounds of the arguments, so that sizes derived from them fit their types.
inline constexpr int64_t kMaxSidePx = 65535;     // sides of pictures
inline constexpr int64_t kMaxPatchPx = 256;      // patch of patchify and resize_to_token_budget
inline constexpr int64_t kMaxTokens = 1 << 24;   // max_tokens of patchify and resize_to_token_budget
inline constexpr double kMaxCropScale = 100.0;   // random_resized_crop's scale; boxes above 1 never fit
inline constexpr double kMaxCropRatio = 1000.0;  // random_resized_crop's ratio, and 1 / its smallest
inline constexpr double kMaxWeight = 1e9;        // probs of random_choice

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

// The box alone, Lanczos to its size. REQUIRES: box not empty and inside the image.
RgbImage CropAndResize(const CropAndResizeOp& op, RgbView image);

// Left to right.
RgbImage MirrorImage(RgbView image);
at::Tensor MirrorTensor(const at::Tensor& pixels_3HW);

// to_tensor: float32 [3, H, W], v / 255.
at::Tensor ImageToTensor(RgbView image);

// normalize: float32, same shape. REQUIRES: [3, H, W].
at::Tensor NormalizeTensor(const NormalizeOp& op, const at::Tensor& pixels_3HW);

// The size that resize_to_token_budget gives. Neither side grows. Very long pictures may keep more tokens than
// max_tokens, since a side has at least one patch.
SizePx BudgetSize(const ResizeToTokenBudgetOp& op, SizePx size);

// resize_to_token_budget: antialiased bicubic (a = -0.5) in float32, not clamped: values may leave their range.
// REQUIRES: float32 [3, H, W].
at::Tensor ResizeToTokenBudget(const ResizeToTokenBudgetOp& op, const at::Tensor& pixels_3HW);

// to_tensor, any number of normalize and resize_to_token_budget, some rows of the picture at a time: equal to the
// operations one after the other, without the whole picture in floats. REQUIRES: image not empty.
at::Tensor ImageToTokenBudget(absl::Span<const NormalizeOp> normalize, const ResizeToTokenBudgetOp& op, RgbView image);

// Tokens of a picture: ceil(H/P) * ceil(W/P). INVALID_ARGUMENT if they are more than max_tokens (names both).
absl::StatusOr<int64_t> CountPatches(const PatchifyOp& op, SizePx size);

// patchify; the right and bottom edges are filled up with 0. The same error as CountPatches. REQUIRES: [3, H, W].
absl::StatusOr<PatchSequence> PatchifyTensor(const PatchifyOp& op, const at::Tensor& pixels_3HW);

// to_tensor, normalize and patchify in one pass over the bytes; equal to the three one after the other.
absl::StatusOr<PatchSequence> PatchifyImage(const NormalizeOp& normalize, const PatchifyOp& op, RgbView image);

}  // namespace vitok
