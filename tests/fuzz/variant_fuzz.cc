// Variant strings (core/model/autoencoder_config.h). Promises: what parses says the same when it is described and
// parsed again; a model of that shape has parameters and, where the format allows, its shape is read back from those of
// its weights.
#include "core/base/str_cat.h"
#include "core/model/autoencoder_config.h"
#include "core/model/infer_config.h"
#include "core/model/weight_names.h"
#include "tests/fuzz/fuzz_target.h"

namespace vitok {
namespace {

bool IsSameShape(const AutoencoderConfig& a, const AutoencoderConfig& b) {
  return a.encoder == b.encoder && a.decoder == b.decoder && a.temporal == b.temporal && a.patch_px == b.patch_px &&
         a.latent_channels == b.latent_channels;
}

void CheckWeightsOf(const AutoencoderConfig& config) {
  Require(config.encoder_parameters() > 0 && config.decoder_parameters() > 0, "a model has parameters");
  // Weights of a half without blocks do not say how many heads it has, nor is a temporal factor in their shapes.
  if (config.encoder.depth == 0 || config.decoder.depth == 0 || config.temporal != 1) return;
  ShapeMap shapes = WeightShapes(config, AutoencoderHalf::kEncoder);
  shapes.merge(WeightShapes(config, AutoencoderHalf::kDecoder));
  const absl::StatusOr<AutoencoderConfig> inferred = InferConfig(shapes);
  RequireOk(inferred.status(), "the shape is read from the weights");
  Require(IsSameShape(*inferred, config), "the shape read from the weights is that of the variant");
}

void Run(std::string_view input) {
  const absl::StatusOr<AutoencoderConfig> config = AutoencoderConfig::FromVariant(input);
  if (!config.ok()) {
    RequireRefusal(config.status());
    return;
  }
  const std::string description = config->Describe();
  const absl::StatusOr<AutoencoderConfig> again = AutoencoderConfig::FromVariant(description);
  RequireOk(again.status(), StrCat("the description '", description, "' parses"));
  Require(IsSameShape(*again, *config), StrCat("the description '", description, "' means the same"));
  Require(again->Describe() == description, "a description describes itself");
  if (const absl::Status buildable = config->CheckBuildable(); !buildable.ok()) {
    RequireRefusal(buildable);
    return;
  }
  constexpr int64_t kMaxDepth = 8;  // the list of weights grows with it
  if (config->encoder.depth <= kMaxDepth && config->decoder.depth <= kMaxDepth) CheckWeightsOf(*config);
}

std::vector<std::string> Seeds() {
  return {"Ld4-Ld24/1x16x16",
          "Td4-T/1x32x256",
          "B/16x64",
          "w192_d3_h3-w256_d6_h4/1x16x64",
          "Gd2m2.5/2x16x32",
          "w64_d2_h4_m4/1x8x16",
          "w64d1h2m0.01-Bd0/1x16x2",
          "Ed48w4096h32/1x16x8",
          "w72_d1_h3_m63.9-w1/4x4"};
}

const bool registered = RegisterFuzzTarget({.name = "variant", .run = &Run, .seeds = &Seeds});

}  // namespace
}  // namespace vitok
