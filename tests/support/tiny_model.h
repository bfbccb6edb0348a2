// A small autoencoder with random weights that all matter, for tests of the model and of what runs on it.
#pragma once

#include <ATen/ATen.h>

#include "core/model/autoencoder.h"
#include "core/model/autoencoder_config.h"
#include "core/model/pixel_sequences.h"
#include "core/model/weight_names.h"
#include "core/weights/weight_map.h"

namespace vitok {

// Two heads of 16 in the encoder and three of 24 in the decoder, patch 8, 16 channels.
inline constexpr char kTinyVariant[] = "w32_d2_h2-w72_d2_h3/1x8x16";

inline WeightMap RandomWeights(const AutoencoderConfig& config, at::ScalarType dtype, int64_t seed = 1) {
  at::manual_seed(seed);
  ShapeMap shapes = WeightShapes(config, AutoencoderHalf::kEncoder);
  shapes.merge(WeightShapes(config, AutoencoderHalf::kDecoder));
  WeightMap weights;
  for (const auto& [name, shape] : shapes) {
    const at::Tensor noise = at::randn(shape);
    const bool matrix = shape.size() == 2;
    weights[name] = (matrix ? noise / std::sqrt(static_cast<double>(shape[1])) : 0.5 + 0.2 * noise).to(dtype);
  }
  return weights;
}

inline Autoencoder MakeTinyModel(at::ScalarType dtype = at::kFloat, std::optional<int64_t> window = std::nullopt,
                                 at::Device device = at::kCPU) {
  AutoencoderConfig config = *AutoencoderConfig::FromVariant(kTinyVariant);
  config.sliding_window = window;
  const Precision precision = dtype == at::kFloat ? Precision::kFloat32 : Precision::kBfloat16;
  return *Autoencoder::Create(config, RandomWeights(config, dtype), precision, device);
}

// An image of rows x cols patches of noise in [-1, 1].
inline PatchSequence RandomImage(const AutoencoderConfig& config, int32_t rows, int32_t cols, int64_t seed) {
  at::manual_seed(seed);
  const auto patch = static_cast<int32_t>(config.patch_px);
  const ImageGeometry geometry = {rows * patch, cols * patch, rows, cols};
  const TokenPositions positions = RasterPositions(geometry, /*padding=*/0);
  return {at::rand({geometry.cells(), config.patch_values()}) * 2 - 1, positions.row_N, positions.col_N, geometry};
}

}  // namespace vitok
