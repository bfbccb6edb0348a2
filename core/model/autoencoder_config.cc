#include "core/model/autoencoder_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/weight_names.h"

namespace vitok {
namespace {

int64_t CountParameters(const AutoencoderConfig& config, AutoencoderHalf half) {
  int64_t parameters = 0;
  for (const auto& [name, shape] : WeightShapes(config, half)) {
    int64_t values = 1;
    for (const int64_t size : shape) values *= size;
    parameters += values;
  }
  return parameters;
}

absl::Status CheckTower(std::string_view half, const TowerConfig& tower) {
  const auto error = [half](std::string_view reason) { return absl::InvalidArgumentError(StrCat(half, ": ", reason)); };
  if (tower.heads < 1) return error(StrCat("heads must be positive; was ", tower.heads));
  if (tower.width % tower.heads != 0) {
    return error(StrCat("width must be a multiple of heads; was ", tower.width, " with ", tower.heads, " heads"));
  }
  if (tower.head_dim() % 4 != 0) {
    return error(StrCat("head dimension must be a multiple of 4 (2-D RoPE); was ", tower.head_dim(), " (width ",
                        tower.width, " / ", tower.heads, " heads)"));
  }
  if (tower.depth > 0 && tower.mlp_hidden < 1) {
    return error(StrCat("MLP hidden size must be positive; was ", tower.mlp_hidden));
  }
  return absl::OkStatus();
}

bool RatioGivesHiddenSizes(const AutoencoderConfig& config, double ratio) {
  return ratio > 0 &&
         std::ranges::all_of(std::array{config.encoder, config.decoder}, [ratio](const TowerConfig& tower) {
           return !tower.present() || MlpHiddenSize(tower.width, ratio) == tower.mlp_hidden;
         });
}

// "_m<ratio>", or "" where the default ratio gives the hidden sizes.
std::string RatioText(const AutoencoderConfig& config) {
  if (RatioGivesHiddenSizes(config, kDefaultMlpRatio)) return "";
  // A hidden size h comes from ratios from about (h - 8) / width to (h + 8) / width. Of ever longer decimals, take the
  // first that lies in the ranges of both halves: one near h / width if there is one, else one just above both low
  // ends.
  double middle = 0, low = 0;
  for (const TowerConfig& tower : {config.encoder, config.decoder}) {
    if (!tower.present()) continue;
    const auto hidden = static_cast<double>(tower.mlp_hidden), width = static_cast<double>(tower.width);
    middle = std::max(middle, hidden / width);
    low = std::max(low, (hidden - 8) / width);
  }
  for (int decimals = 0; decimals <= 9; ++decimals) {
    const double scale = std::pow(10, decimals);
    for (const double scaled : {std::round(middle * scale), std::ceil(low * scale), std::ceil(low * scale) + 1}) {
      if (RatioGivesHiddenSizes(config, scaled / scale)) return absl::StrFormat("_m%.*f", decimals, scaled / scale);
    }
  }
  // Hidden sizes that no ratio gives (weights of another origin): the nearest thing.
  return absl::StrFormat("_m%g", middle);
}

std::string TowerText(const TowerConfig& tower, const std::string& ratio) {
  if (!tower.present()) return "none";
  return StrCat("w", tower.width, "_d", tower.depth, "_h", tower.heads, ratio);
}

}  // namespace

int64_t MlpHiddenSize(int64_t width, double ratio) {
  const auto hidden = static_cast<int64_t>(static_cast<double>(width) * ratio);
  return (hidden + 8) / 16 * 16;
}

int64_t AutoencoderConfig::encoder_parameters() const { return CountParameters(*this, AutoencoderHalf::kEncoder); }

int64_t AutoencoderConfig::decoder_parameters() const { return CountParameters(*this, AutoencoderHalf::kDecoder); }

absl::Status AutoencoderConfig::CheckBuildable() const {
  if (!encoder.present() && !decoder.present()) {
    return absl::InvalidArgumentError("the encoder, the decoder or both must be present; none is");
  }
  if (encoder.present()) VITOK_RETURN_IF_ERROR(CheckTower("encoder", encoder));
  if (decoder.present()) VITOK_RETURN_IF_ERROR(CheckTower("decoder", decoder));
  if (latent_channels < 2) {
    return absl::InvalidArgumentError(
        StrCat("latent channels must be at least 2 (the latent LayerNorm makes one channel 0); was ", latent_channels));
  }
  if (patch_px < 1) return absl::InvalidArgumentError(StrCat("patch must be positive; was ", patch_px));
  if (temporal < 1) return absl::InvalidArgumentError(StrCat("temporal must be positive; was ", temporal));
  return absl::OkStatus();
}

std::string AutoencoderConfig::Describe() const {
  const std::string ratio = RatioText(*this);
  return StrCat(TowerText(encoder, ratio), "-", TowerText(decoder, ratio), "/", temporal, "x", patch_px, "x",
                latent_channels);
}

}  // namespace vitok
