#include "core/model/weight_names.h"

#include <string_view>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

void AddLinear(std::string_view name, int64_t in, int64_t out, ShapeMap& shapes) {
  shapes[StrCat(name, ".weight")] = {out, in};
  shapes[StrCat(name, ".bias")] = {out};
}

void AddBlocks(std::string_view stack, const TowerConfig& tower, ShapeMap& shapes) {
  const int64_t width = tower.width, hidden = tower.mlp_hidden;
  for (int64_t i = 0; i < tower.depth; ++i) {
    const std::string block = StrCat(stack, ".", i, ".");
    shapes[block + "norm1.weight"] = {width};
    shapes[block + "attn.qkv_proj.weight"] = {3 * width, width};
    shapes[block + "attn.out_proj.weight"] = {width, width};
    shapes[block + "attn.norm_q.weight"] = {tower.head_dim()};
    shapes[block + "attn.norm_k.weight"] = {tower.head_dim()};
    shapes[block + "ffn.fc1.weight"] = {2 * hidden, width};
    shapes[block + "ffn.fc2.weight"] = {width, hidden};
    shapes[block + "layer_scale.gamma"] = {width};
  }
}

}  // namespace

ShapeMap WeightShapes(const AutoencoderConfig& config, AutoencoderHalf half) {
  ShapeMap shapes;
  if (half == AutoencoderHalf::kEncoder && config.encoder.present()) {
    AddLinear("patch_embed", config.patch_values(), config.encoder.width, shapes);
    AddBlocks("encoder_blocks", config.encoder, shapes);
    AddLinear("to_code", config.encoder.width, config.latent_channels, shapes);
  }
  if (half == AutoencoderHalf::kDecoder && config.decoder.present()) {
    AddLinear("decoder_embed", config.latent_channels, config.decoder.width, shapes);
    AddBlocks("decoder_blocks", config.decoder, shapes);
    AddLinear("to_pixels", config.decoder.width, config.patch_values(), shapes);
  }
  return shapes;
}

}  // namespace vitok
