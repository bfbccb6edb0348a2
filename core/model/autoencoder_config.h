// Shape of a ViTok-v2 autoencoder, and the variant strings that name it.
// Source: Na-VAE/vitok-release vitok/models/ae.py:286-346; the grammar is in docs/NUMERICS.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace vitok {

// One half of the model: a stack of equal blocks. Width 0: the half is absent (weights of one half only).
struct TowerConfig {
  int64_t width = 0;
  int64_t depth = 0;
  int64_t heads = 0;
  int64_t mlp_hidden = 0;  // MlpHiddenSize(width, mlp_ratio)

  bool present() const { return width > 0; }
  // REQUIRES: present().
  int64_t head_dim() const { return width / heads; }
  friend bool operator==(const TowerConfig&, const TowerConfig&) = default;
};

struct AutoencoderConfig {
  TowerConfig encoder;
  TowerConfig decoder;
  int64_t temporal = 1;         // factor of the patch vector's length; images use 1
  int64_t patch_px = 0;         // P
  int64_t latent_channels = 0;  // Z

  // Sliding window: token i sees token j of its image iff |i - j| <= window, in token order. nullopt: full attention.
  std::optional<int64_t> sliding_window;
  // Compatibility with the reference's flash path: every image shorter than this is filled up with zero patches at
  // position (0, 0) that attend and are attended (docs/NUMERICS.md). nullopt: no padding exists.
  std::optional<int64_t> attend_padding_to;

  // Parses "ENC[-DEC]/[Tx]PxC". Each half is a letter (B, L, G, T, E) and any of wN dN hN mF in any order, once each,
  // or wN_dN_hN[_mF]; without DEC both halves are ENC. INVALID_ARGUMENT names the variant, the bad part and the reason.
  // A variant that parses may still not be buildable: see CheckBuildable.
  static absl::StatusOr<AutoencoderConfig> FromVariant(std::string_view variant);

  // 3·P·P·temporal, the length of a patch vector.
  int64_t patch_values() const { return 3 * patch_px * patch_px * temporal; }

  // Parameters of each half (weights and biases, norms and LayerScale included); 0 for an absent half.
  int64_t encoder_parameters() const;
  int64_t decoder_parameters() const;

  // INVALID_ARGUMENT if no model can be built: no half present, width not a multiple of heads, head dimension not a
  // multiple of 4 (2-D RoPE), an MLP of hidden size 0, latent_channels < 2 (the latent LayerNorm would make every value
  // 0). Names the half, the value and the bound.
  absl::Status CheckBuildable() const;

  // The variant in underscore form with both halves, e.g. "w192_d3_h3-w256_d6_h4/1x16x64"; for logs and GetServerInfo.
  // The MLP ratio is left out where the default gives the hidden sizes; else it is the shortest decimal that does.
  // FromVariant reads the same config back, except that an absent half is written "none".
  std::string Describe() const;
};

// The MLP ratio of variants that name none.
inline constexpr double kDefaultMlpRatio = 2.67;

// floor((int(width·ratio) + 8) / 16)·16 with the product in double precision and truncated.
int64_t MlpHiddenSize(int64_t width, double ratio);

}  // namespace vitok
