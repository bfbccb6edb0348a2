// The preprocessing language: "op(args)|op(args)|…" parsed once into typed operations, then run on many images.
// Grammar, operations and exact rules: docs/NUMERICS.md; source: vitok/pp of Na-VAE/vitok-release.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/random_stream.h"
#include "core/image/rgb_image.h"
#include "core/image/transforms.h"
#include "core/tokens/packed_tokens.h"

namespace vitok {

// Immutable after Parse; Run is thread-safe.
//
//   VITOK_ASSIGN_OR_RETURN(auto preprocessor, Preprocessor::Parse("to_tensor|normalize|patchify(16, 4096)"));
//   VITOK_ASSIGN_OR_RETURN(PatchSequence patches, preprocessor.Run(image));
//
// A pipeline may be random (random_resized_crop, flip, random_choice). What it then does to a sample depends on the
// pipeline, the size of the image and the sample's stream alone:
//
//   RandomStream random(seed, sample_index);
//   VITOK_ASSIGN_OR_RETURN(PatchSequence patches, preprocessor.Run(image, random));
class Preprocessor {
 public:
  // INVALID_ARGUMENT names the part, its position and the reason: syntax, unknown operation (listing the known ones),
  // bad argument, or operations in an order whose types do not fit (patchify before to_tensor).
  // The choices of random_choice must all take and give the same.
  static absl::StatusOr<Preprocessor> Parse(std::string_view spec);

  // Runs the whole pipeline. FAILED_PRECONDITION if it does not end in patchify or is random. INVALID_ARGUMENT if the
  // image cannot be processed: more tokens than patchify's max_tokens (naming both), a size that rounds to 0. The
  // result has exactly grid_rows * grid_cols tokens, none of them padding; float32 patches; int32 row/col.
  absl::StatusOr<PatchSequence> Run(RgbView image) const;

  // The same for any pipeline; all draws come from `random`, first operation first, before any pixel is touched.
  absl::StatusOr<PatchSequence> Run(RgbView image, RandomStream& random) const;

  // Whether two runs on one image may differ. flip(0), flip(1) and a random_choice with one weight above 0 do not.
  bool is_random() const { return is_random_; }

  // Tokens Run would produce for an image of this size, without its pixels. The same errors as Run.
  absl::StatusOr<int64_t> CountTokens(int32_t height_px, int32_t width_px) const;

  // For a pipeline that ends in to_tensor, at most one normalize, and patchify: how a tokenizer must normalize the
  // pixels of RunOnPixels to get the patches of Run. nullopt for any other pipeline, and for random ones.
  std::optional<NormalizeMode> pixel_mode() const;

  // The operations before that end. Returns uint8 [H, W, 3]: a view of `image` if none of them changes it, so `image`
  // must outlive the result. The same errors as Run. REQUIRES: pixel_mode().
  absl::StatusOr<at::Tensor> RunOnPixels(RgbView image) const;

  // The same, but the result owns the image.
  absl::StatusOr<at::Tensor> RunOnPixels(RgbImage&& image) const;

  // Without identity. A pipeline that is not random has no RandomResizedCropOp, FlipOp or RandomChoiceOp: what they
  // come to stands in their place.
  const std::vector<TransformOp>& ops() const { return ops_; }

  // patch side of the closing patchify, 0 if there is none.
  int64_t patch_px() const;

 private:
  Preprocessor(std::vector<TransformOp> ops, bool is_random) : ops_(std::move(ops)), is_random_(is_random) {}

  template <typename Image>
  absl::StatusOr<at::Tensor> RunUntilTensor(Image image) const;

  std::vector<TransformOp> ops_;
  bool is_random_ = false;
};

}  // namespace vitok
