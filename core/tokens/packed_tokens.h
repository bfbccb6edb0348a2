// The central types: images as sequences of patch or latent tokens, alone (host) and packed (device).
//
// Shape letters: T packed tokens of a batch · I images of a batch · N tokens of one image · P patch side in pixels ·
// D = 3·P·P·temporal values of a patch · Z latent channels.
//
// Packing puts the tokens of all images one after the other with no padding between them. Attention never crosses
// from one image to another; TokenLayout says where each image begins.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace vitok {

// Size of an image and of its token grid. grid_rows * grid_cols == N for whole images.
struct ImageGeometry {
  int32_t height_px = 0;  // before padding to a multiple of P
  int32_t width_px = 0;
  int32_t grid_rows = 0;
  int32_t grid_cols = 0;

  int64_t cells() const { return int64_t{grid_rows} * grid_cols; }
  int64_t pixels() const { return int64_t{height_px} * width_px; }

  friend bool operator==(const ImageGeometry&, const ImageGeometry&) = default;
};

// One image as patches, on the host.
struct PatchSequence {
  at::Tensor patches_ND;  // float32 or bfloat16, values in [-1, 1] for pixels; vector order channel, y, x
  at::Tensor row_N;       // int32, in patches
  at::Tensor col_N;       // int32, in patches
  ImageGeometry geometry;
};

// One image as latents, on the host: what Encode returns and Decode takes.
struct LatentSequence {
  at::Tensor z_NZ;   // the model's dtype (Encode); any float dtype (Decode)
  at::Tensor row_N;  // int32, in patches
  at::Tensor col_N;  // int32, in patches
  ImageGeometry geometry;
};

// Where each image of a packed batch lies, and where each token lies in its image.
struct TokenLayout {
  at::Tensor row_T;              // int32, on the tokens' device
  at::Tensor col_T;              // int32, on the tokens' device
  at::Tensor cu_I1;              // int32 [I + 1], on the tokens' device: images of {2, 3, 4} tokens give {0, 2, 5, 9}
  std::vector<int64_t> offsets;  // the same numbers on the host
  int32_t max_image_tokens = 0;  // largest N of the batch
  std::vector<ImageGeometry> images;  // I entries

  int64_t num_images() const { return static_cast<int64_t>(images.size()); }
  int64_t num_tokens() const { return offsets.empty() ? 0 : offsets.back(); }
};

struct PackedPatches {
  at::Tensor patches_TD;
  TokenLayout layout;
};

struct PackedLatents {
  at::Tensor z_TZ;
  TokenLayout layout;
};

}  // namespace vitok
