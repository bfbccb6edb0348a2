#include "core/model/autoencoder.h"

#include <string>
#include <string_view>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/model/weight_names.h"
#include "core/ops/layer_norm.h"

namespace vitok {
namespace {

class WeightReader {
 public:
  WeightReader(const WeightMap& weights, at::Device device, at::ScalarType dtype)
      : weights_(weights), device_(device), dtype_(dtype) {}

  at::Tensor Get(const std::string& name) const { return weights_.at(name).to(device_, dtype_).contiguous(); }

  Linear GetLinear(const std::string& name) const { return {Get(name + ".weight"), Get(name + ".bias")}; }

  Tower ReadTower(const TowerConfig& config, const std::string& in, const std::string& blocks,
                  const std::string& out) const {
    Tower tower{GetLinear(in), {}, GetLinear(out)};
    for (int64_t i = 0; i < config.depth; ++i) {
      const std::string prefix = StrCat(blocks, ".", i, ".");
      tower.blocks.push_back(Block::Create(BlockWeights{.norm1_W = Get(prefix + "norm1.weight"),
                                                        .qkv_3WW = Get(prefix + "attn.qkv_proj.weight"),
                                                        .norm_q_D = Get(prefix + "attn.norm_q.weight"),
                                                        .norm_k_D = Get(prefix + "attn.norm_k.weight"),
                                                        .out_WW = Get(prefix + "attn.out_proj.weight"),
                                                        .fc1_2hW = Get(prefix + "ffn.fc1.weight"),
                                                        .fc2_Wh = Get(prefix + "ffn.fc2.weight"),
                                                        .gamma_W = Get(prefix + "layer_scale.gamma")},
                                           config.heads));
    }
    return tower;
  }

 private:
  const WeightMap& weights_;
  at::Device device_;
  at::ScalarType dtype_;
};

at::ScalarType ComputeDType(at::ScalarType dtype, at::Device device) { return device.is_cpu() ? at::kFloat : dtype; }

}  // namespace

absl::StatusOr<Autoencoder> Autoencoder::Create(const AutoencoderConfig& config, const WeightMap& weights,
                                                at::Device device) {
  VITOK_RETURN_IF_ERROR(config.CheckBuildable());
  const bool has_encoder = weights.contains("patch_embed.weight");
  const bool has_decoder = weights.contains("to_pixels.weight");
  ShapeMap expected;
  if (has_encoder || !has_decoder) expected.merge(WeightShapes(config, AutoencoderHalf::kEncoder));
  if (has_decoder || !has_encoder) expected.merge(WeightShapes(config, AutoencoderHalf::kDecoder));
  ShapeMap actual;
  for (const auto& [name, tensor] : weights) actual[name] = tensor.sizes().vec();
  VITOK_RETURN_IF_ERROR(CheckWeights(expected, actual));

  Autoencoder model(config, weights.begin()->second.scalar_type(), device);
  const WeightReader reader(weights, device, ComputeDType(model.dtype_, device));
  if (has_encoder) model.encoder_ = reader.ReadTower(config.encoder, "patch_embed", "encoder_blocks", "to_code");
  if (has_decoder) model.decoder_ = reader.ReadTower(config.decoder, "decoder_embed", "decoder_blocks", "to_pixels");
  return model;
}

PackedLatents Autoencoder::Encode(const PackedPatches& patches) const {
  const at::Tensor code_TZ = Run(*encoder_, config_.encoder, patches.patches_TD, patches.layout);
  return {LayerNorm(code_TZ).to(dtype_), patches.layout};
}

PackedPatches Autoencoder::Decode(const PackedLatents& latents) const {
  return {Run(*decoder_, config_.decoder, latents.z_TZ, latents.layout).to(dtype_), latents.layout};
}

at::Tensor Autoencoder::Run(const Tower& tower, const TowerConfig& config, const at::Tensor& input,
                            const TokenLayout& layout) const {
  at::Tensor x_TW = tower.in(input.to(dtype_).to(ComputeDType(dtype_, device_)));
  const AttentionLayout attention{{.offsets = layout.offsets, .window = config_.sliding_window, .cu_I1 = layout.cu_I1},
                                  MakeRopeTable(layout.row_T, layout.col_T, config.head_dim())};
  if (!tower.blocks.empty()) {
    BlockScratch scratch = tower.blocks.front()->MakeScratch(layout.num_tokens());
    for (const std::unique_ptr<Block>& block : tower.blocks) block->Forward(x_TW, attention, scratch);
  }
  return tower.out(x_TW);
}

}  // namespace vitok
