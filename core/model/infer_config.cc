#include "core/model/infer_config.h"

#include <cmath>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"

namespace vitok {
namespace {

// Where a half keeps what the config needs.
struct HalfNames {
  std::string_view in;      // Linear into the half's width
  std::string_view blocks;  // prefix of the blocks
  std::string_view out;     // Linear out of it
};

constexpr HalfNames kEncoder = {"patch_embed", "encoder_blocks", "to_code"};
constexpr HalfNames kDecoder = {"decoder_embed", "decoder_blocks", "to_pixels"};

// A half and the sizes on both its ends.
struct Half {
  TowerConfig tower;
  int64_t in = 0;
  int64_t out = 0;
};

absl::Status Error(std::string_view name, const std::vector<int64_t>& shape, std::string_view reason) {
  return absl::InvalidArgumentError(StrCat("weight '", name, "' of shape [", absl::StrJoin(shape, ", "), "] ", reason));
}

// The shape of a weight that must be there with this many dimensions, none of them 0.
absl::StatusOr<std::vector<int64_t>> ShapeOf(const ShapeMap& shapes, const std::string& name, size_t dimensions) {
  const auto found = shapes.find(name);
  if (found == shapes.end()) {
    return absl::InvalidArgumentError(StrCat("weight '", name, "' is missing: the model's shape cannot be read"));
  }
  const std::vector<int64_t>& shape = found->second;
  if (shape.size() != dimensions) return Error(name, shape, StrCat("must have ", dimensions, " dimensions"));
  for (const int64_t size : shape) {
    if (size < 1) return Error(name, shape, "must not be empty");
  }
  return shape;
}

bool IsPresent(const ShapeMap& shapes, const HalfNames& names) {
  return shapes.contains(StrCat(names.in, ".weight")) || shapes.contains(StrCat(names.out, ".weight"));
}

int64_t CountBlocks(const ShapeMap& shapes, std::string_view blocks) {
  const std::string prefix = StrCat(blocks, ".");
  std::set<std::string_view> indices;
  for (auto entry = shapes.lower_bound(prefix); entry != shapes.end() && entry->first.starts_with(prefix); ++entry) {
    const std::string_view rest = std::string_view(entry->first).substr(prefix.size());
    indices.insert(rest.substr(0, rest.find('.')));
  }
  return static_cast<int64_t>(indices.size());
}

absl::Status ReadBlocks(const ShapeMap& shapes, std::string_view blocks, TowerConfig& tower) {
  tower.depth = CountBlocks(shapes, blocks);
  if (tower.depth == 0) {
    // Nothing depends on these two then.
    tower.heads = 1;
    tower.mlp_hidden = MlpHiddenSize(tower.width, kDefaultMlpRatio);
    return absl::OkStatus();
  }
  const std::string norm_name = StrCat(blocks, ".0.attn.norm_q.weight");
  VITOK_ASSIGN_OR_RETURN(const std::vector<int64_t> norm, ShapeOf(shapes, norm_name, 1));
  if (tower.width % norm[0] != 0) {
    return Error(norm_name, norm, StrCat("must divide the width, ", tower.width));
  }
  tower.heads = tower.width / norm[0];
  VITOK_ASSIGN_OR_RETURN(const std::vector<int64_t> fc2, ShapeOf(shapes, StrCat(blocks, ".0.ffn.fc2.weight"), 2));
  tower.mlp_hidden = fc2[1];
  return absl::OkStatus();
}

absl::StatusOr<Half> ReadHalf(const ShapeMap& shapes, const HalfNames& names) {
  VITOK_ASSIGN_OR_RETURN(const std::vector<int64_t> in, ShapeOf(shapes, StrCat(names.in, ".weight"), 2));
  VITOK_ASSIGN_OR_RETURN(const std::vector<int64_t> out, ShapeOf(shapes, StrCat(names.out, ".weight"), 2));
  Half half;
  half.tower.width = in[0];
  half.in = in[1];
  half.out = out[0];
  VITOK_RETURN_IF_ERROR(ReadBlocks(shapes, names.blocks, half.tower));
  return half;
}

// P of 3·P·P values.
absl::StatusOr<int64_t> PatchSide(std::string_view weight, int64_t patch_values) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(patch_values) / 3)));
  if (3 * side * side == patch_values) return side;
  return absl::InvalidArgumentError(
      StrCat("weight '", weight, "' is for patch vectors of ", patch_values,
             " values, which is no 3·P·P; a model with a temporal factor needs its variant named"));
}

absl::Status CheckSame(std::string_view what, int64_t encoder, int64_t decoder) {
  if (encoder == decoder) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("encoder and decoder must agree in ", what, "; the encoder has ", encoder, ", the decoder ", decoder));
}

}  // namespace

absl::StatusOr<AutoencoderConfig> InferConfig(const ShapeMap& shapes) {
  const bool has_encoder = IsPresent(shapes, kEncoder), has_decoder = IsPresent(shapes, kDecoder);
  if (!has_encoder && !has_decoder) {
    return absl::InvalidArgumentError(
        "weights hold neither an encoder (patch_embed.weight) nor a decoder (to_pixels.weight)");
  }
  Half encoder, decoder;
  if (has_encoder) {
    VITOK_ASSIGN_OR_RETURN(encoder, ReadHalf(shapes, kEncoder));
  }
  if (has_decoder) {
    VITOK_ASSIGN_OR_RETURN(decoder, ReadHalf(shapes, kDecoder));
  }
  if (has_encoder && has_decoder) {
    VITOK_RETURN_IF_ERROR(CheckSame("latent channels", encoder.out, decoder.in));
    VITOK_RETURN_IF_ERROR(CheckSame("the length of the patch vector", encoder.in, decoder.out));
  }
  AutoencoderConfig config;
  config.encoder = encoder.tower;
  config.decoder = decoder.tower;
  config.latent_channels = has_encoder ? encoder.out : decoder.in;
  VITOK_ASSIGN_OR_RETURN(config.patch_px, has_encoder ? PatchSide("patch_embed.weight", encoder.in)
                                                      : PatchSide("to_pixels.weight", decoder.out));
  return config;
}

}  // namespace vitok
