// The published names of an autoencoder's weights, and their shapes.
#pragma once

#include "core/model/autoencoder_config.h"
#include "core/weights/weight_shapes.h"

namespace vitok {

enum class AutoencoderHalf { kEncoder, kDecoder };

// Every weight of one half, Linear weights as [out, in]; empty if the config lacks that half.
//   encoder: patch_embed.{weight,bias}, encoder_blocks.I.*, to_code.{weight,bias}
//   decoder: decoder_embed.{weight,bias}, decoder_blocks.I.*, to_pixels.{weight,bias}
//   a block: norm1.weight, attn.{qkv_proj,out_proj,norm_q,norm_k}.weight, ffn.{fc1,fc2}.weight, layer_scale.gamma
// REQUIRES: heads >= 1 in a half that is present.
ShapeMap WeightShapes(const AutoencoderConfig& config, AutoencoderHalf half);

}  // namespace vitok
