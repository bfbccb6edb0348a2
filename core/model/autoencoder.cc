#include "core/model/autoencoder.h"

#include <string>
#include <string_view>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "core/base/tensor_check.h"
#include "core/model/device.h"
#include "core/ops/cuda_linear.h"

namespace vitok {
namespace {

// Of the residual stream, and of everything that is no block of an fp8 model.
at::ScalarType ComputeDType(Precision precision, at::Device device) {
  return device.is_cpu() ? at::kFloat : ToScalarType(StorageDType(precision));
}

class WeightReader {
 public:
  WeightReader(const WeightMap& weights, at::Device device, Precision precision)
      : weights_(weights), device_(device), precision_(precision), dtype_(ComputeDType(precision, device)) {}

  at::Tensor Get(const std::string& name) const {
    const at::Tensor stored = weights_.at(name).to(device_, ToScalarType(StorageDType(precision_)));
    return stored.to(dtype_).contiguous();
  }

  Linear GetLinear(const std::string& name) const { return {Get(name + ".weight"), Get(name + ".bias")}; }

  Tower ReadTower(const TowerConfig& config, const std::string& in, const std::string& blocks, const std::string& out,
                  Accumulation out_accumulation) const {
    Tower tower{
        .in = GetLinear(in), .rope_frequency_F = RopeFrequencies(config.head_dim(), device_), .out = GetLinear(out)};
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
                                           config.heads, precision_, out_accumulation));
    }
    return tower;
  }

 private:
  const WeightMap& weights_;
  at::Device device_;
  Precision precision_;
  at::ScalarType dtype_;
};

absl::Status CheckFp8Widths(const AutoencoderConfig& config) {
  for (const int64_t width : {config.encoder.width, config.decoder.width}) {
    if (width % Fp8Linear::kAlignment == 0) continue;
    return absl::InvalidArgumentError(StrCat("model ", config.Describe(), " cannot run with dtype fp8: its width ",
                                             width, " is no multiple of ", Fp8Linear::kAlignment));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Autoencoder> Autoencoder::Create(const AutoencoderConfig& config, const WeightMap& weights,
                                                Precision precision, at::Device device) {
  VITOK_RETURN_IF_ERROR(config.CheckBuildable());
  const bool has_encoder = weights.contains("patch_embed.weight");
  const bool has_decoder = weights.contains("to_pixels.weight");
  ShapeMap expected;
  if (has_encoder || !has_decoder) expected.merge(WeightShapes(config, AutoencoderHalf::kEncoder));
  if (has_decoder || !has_encoder) expected.merge(WeightShapes(config, AutoencoderHalf::kDecoder));
  ShapeMap actual;
  for (const auto& [name, tensor] : weights) actual[name] = tensor.sizes().vec();
  VITOK_RETURN_IF_ERROR(CheckWeights(expected, actual));

  if (precision == Precision::kFp8) VITOK_RETURN_IF_ERROR(CheckFp8Widths(config));

  Autoencoder model(config, precision, device);
  const WeightReader reader(weights, device, precision);
  // Where fast accumulation costs quality, and where its time matters: docs/NUMERICS.md.
  if (has_encoder) {
    model.encoder_ = reader.ReadTower(config.encoder, "patch_embed", "encoder_blocks", "to_code", Accumulation::kFull);
    model.encoder_->norm_result = true;
  }
  if (has_decoder) {
    model.decoder_ =
        reader.ReadTower(config.decoder, "decoder_embed", "decoder_blocks", "to_pixels", Accumulation::kFast);
  }
  return model;
}

PackedLatents Autoencoder::Encode(const PackedPatches& patches) const {
  return {
      NamingDeviceFaults(device_, [&] { return Run(AutoencoderHalf::kEncoder, patches.patches_TD, patches.layout); }),
      patches.layout};
}

PackedPatches Autoencoder::Decode(const PackedLatents& latents) const {
  return {NamingDeviceFaults(device_, [&] { return Run(AutoencoderHalf::kDecoder, latents.z_TZ, latents.layout); }),
          latents.layout};
}

at::Tensor Autoencoder::Run(AutoencoderHalf half, const at::Tensor& input, const TokenLayout& layout) const {
  const Tower& tower = half == AutoencoderHalf::kEncoder ? *encoder_ : *decoder_;
  const at::Tensor x_TC = input.to(dtype()).to(ComputeDType(precision_, device_));
  if (graphs_ != nullptr) {
    if (std::optional<at::Tensor> y_TM = graphs_->Run(half, tower, x_TC, layout, config_.sliding_window)) {
      return *std::move(y_TM);
    }
  }
  const AttentionLayout attention{{.offsets = layout.offsets, .window = config_.sliding_window, .cu_I1 = layout.cu_I1},
                                  {layout.row_T, layout.col_T, tower.rope_frequency_F}};
  return tower.Forward(x_TC, attention).to(dtype());
}

}  // namespace vitok
