#include "core/model/infer_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/base/str_cat.h"
#include "core/model/weight_names.h"

namespace vitok {
namespace {

using testing::HasSubstr;

AutoencoderConfig Config(const std::string& variant) { return AutoencoderConfig::FromVariant(variant).value(); }

ShapeMap AllShapes(const AutoencoderConfig& config) {
  ShapeMap shapes = WeightShapes(config, AutoencoderHalf::kEncoder);
  shapes.merge(WeightShapes(config, AutoencoderHalf::kDecoder));
  return shapes;
}

TEST(WeightShapesTest, GivesPublishedNamesAndShapes) {
  const AutoencoderConfig config = Config("w64_d1_h4-w96_d0_h4/2x8x5");
  EXPECT_EQ(WeightShapes(config, AutoencoderHalf::kEncoder),
            (ShapeMap{{"patch_embed.weight", {64, 384}},
                      {"patch_embed.bias", {64}},
                      {"encoder_blocks.0.norm1.weight", {64}},
                      {"encoder_blocks.0.attn.qkv_proj.weight", {192, 64}},
                      {"encoder_blocks.0.attn.out_proj.weight", {64, 64}},
                      {"encoder_blocks.0.attn.norm_q.weight", {16}},
                      {"encoder_blocks.0.attn.norm_k.weight", {16}},
                      {"encoder_blocks.0.ffn.fc1.weight", {352, 64}},
                      {"encoder_blocks.0.ffn.fc2.weight", {64, 176}},
                      {"encoder_blocks.0.layer_scale.gamma", {64}},
                      {"to_code.weight", {5, 64}},
                      {"to_code.bias", {5}}}));
  EXPECT_EQ(WeightShapes(config, AutoencoderHalf::kDecoder), (ShapeMap{{"decoder_embed.weight", {96, 5}},
                                                                       {"decoder_embed.bias", {96}},
                                                                       {"to_pixels.weight", {384, 96}},
                                                                       {"to_pixels.bias", {384}}}));
}

TEST(InferConfigTest, ReadsBackTheConfigOfItsShapes) {
  for (const char* variant : {"w64_d2_h4-w96_d3_h4/16x16", "w64d1h1m2-w64d2h4m3.5/16x32", "w144_d1_h2/8x8",
                              "Ld4-L/1x32x64", "w32_d11_h1/14x2"}) {
    const AutoencoderConfig expected = Config(variant);
    const auto config = InferConfig(AllShapes(expected));
    ASSERT_TRUE(config.ok()) << variant << ": " << config.status();
    EXPECT_EQ(config->encoder, expected.encoder) << variant;
    EXPECT_EQ(config->decoder, expected.decoder) << variant;
    EXPECT_EQ(config->patch_px, expected.patch_px) << variant;
    EXPECT_EQ(config->latent_channels, expected.latent_channels) << variant;
    EXPECT_EQ(config->temporal, 1);
  }
}

TEST(InferConfigTest, ReadsOneHalfAlone) {
  const AutoencoderConfig expected = Config("w64_d2_h4-w96_d3_h4/16x32");
  const auto encoder = InferConfig(WeightShapes(expected, AutoencoderHalf::kEncoder));
  ASSERT_TRUE(encoder.ok()) << encoder.status();
  EXPECT_EQ(encoder->encoder, expected.encoder);
  EXPECT_EQ(encoder->decoder, TowerConfig());
  EXPECT_EQ(encoder->latent_channels, 32);
  EXPECT_EQ(encoder->patch_px, 16);
  const auto decoder = InferConfig(WeightShapes(expected, AutoencoderHalf::kDecoder));
  ASSERT_TRUE(decoder.ok()) << decoder.status();
  EXPECT_EQ(decoder->encoder, TowerConfig());
  EXPECT_EQ(decoder->decoder, expected.decoder);
  EXPECT_EQ(decoder->latent_channels, 32);
  EXPECT_EQ(decoder->patch_px, 16);
}

TEST(InferConfigTest, ReadsATowerWithoutBlocks) {
  const auto config = InferConfig(AllShapes(Config("w64_d0_h4/16x16")));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->encoder.depth, 0);
  EXPECT_TRUE(config->CheckBuildable().ok());
  EXPECT_TRUE(CheckWeights(AllShapes(*config), AllShapes(Config("w64_d0_h4/16x16"))).ok());
}

TEST(InferConfigTest, NamesWeightsThatMakeNoSense) {
  const ShapeMap sound = AllShapes(Config("w64_d2_h4/16x16"));
  const auto message = [&sound](const char* name, std::vector<int64_t> shape) {
    ShapeMap shapes = sound;
    shapes[name] = std::move(shape);
    const absl::Status status = InferConfig(shapes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    return std::string(status.message());
  };
  EXPECT_EQ(message("patch_embed.weight", {64}), "weight 'patch_embed.weight' of shape [64] must have 2 dimensions");
  EXPECT_EQ(message("to_code.weight", {0, 64}), "weight 'to_code.weight' of shape [0, 64] must not be empty");
  EXPECT_EQ(message("encoder_blocks.0.attn.norm_q.weight", {15}),
            "weight 'encoder_blocks.0.attn.norm_q.weight' of shape [15] must divide the width, 64");
  EXPECT_EQ(message("to_code.weight", {8, 64}),
            "encoder and decoder must agree in latent channels; the encoder has 8, the decoder 16");
  EXPECT_THAT(message("to_pixels.weight", {192, 64}), HasSubstr("the encoder has 768, the decoder 192"));
}

TEST(InferConfigTest, SaysThatATemporalModelNeedsItsVariant) {
  const absl::Status status = InferConfig(AllShapes(Config("w64_d1_h4/2x16x16"))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("patch vectors of 1536 values, which is no 3·P·P"));
}

TEST(InferConfigTest, NamesTheMissingWeight) {
  EXPECT_THAT(std::string(InferConfig({}).status().message()), HasSubstr("neither an encoder"));
  for (const char* name : {"patch_embed.weight", "to_code.weight", "decoder_embed.weight", "to_pixels.weight",
                           "encoder_blocks.0.attn.norm_q.weight", "decoder_blocks.0.ffn.fc2.weight"}) {
    ShapeMap shapes = AllShapes(Config("w64_d2_h4/16x16"));
    shapes.erase(name);
    const absl::Status status = InferConfig(shapes).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr(StrCat("'", name, "' is missing")));
  }
}

}  // namespace
}  // namespace vitok
