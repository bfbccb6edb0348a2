#include "core/model/autoencoder_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/base/str_cat.h"

namespace vitok {
namespace {

using testing::HasSubstr;

TEST(FromVariantTest, ReadsLetterForms) {
  const auto config = AutoencoderConfig::FromVariant("Ld4-Tw64h2/1x16x64");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->encoder, (TowerConfig{.width = 1024, .depth = 4, .heads = 16, .mlp_hidden = 2736}));
  EXPECT_EQ(config->decoder, (TowerConfig{.width = 64, .depth = 40, .heads = 2, .mlp_hidden = 176}));
  EXPECT_EQ(config->temporal, 1);
  EXPECT_EQ(config->patch_px, 16);
  EXPECT_EQ(config->latent_channels, 64);
  EXPECT_EQ(config->patch_values(), 768);
  EXPECT_EQ(config->sliding_window, std::nullopt);
  EXPECT_EQ(config->attend_padding_to, std::nullopt);
}

TEST(FromVariantTest, UsesOneNameForBothHalvesAndReadsTemporal) {
  const auto config = AutoencoderConfig::FromVariant("w64_d2_h4_m2.5/2x8x4");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->encoder, (TowerConfig{.width = 64, .depth = 2, .heads = 4, .mlp_hidden = 160}));
  EXPECT_EQ(config->encoder, config->decoder);
  EXPECT_EQ(config->patch_values(), 2 * 3 * 8 * 8);
}

TEST(FromVariantTest, BuildsBothHalvesWithTheLargerRatio) {
  const auto config = AutoencoderConfig::FromVariant("Lm4-Ld2/16x16");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->encoder.mlp_hidden, 4096);
  EXPECT_EQ(config->decoder.mlp_hidden, 4096);
  EXPECT_EQ(AutoencoderConfig::FromVariant("Lm1-L/16x16")->encoder.mlp_hidden, 2736);
}

struct BadVariant {
  const char* variant;
  const char* message;
};

TEST(FromVariantTest, NamesTheBadPart) {
  const BadVariant cases[] = {
      {"", "must have one '/'; has 0"},
      {"B/1x16x64/2", "must have one '/'; has 2"},
      {"B-L-G/16x64", "must have at most one '-'; has 2"},
      {"/16x64", "names no model"},
      {"B-/16x64", "names no model"},
      {"-B/16x64", "names no model"},
      {"X/16x64", "'X' in 'X' must be a letter of B, L, G, T, E"},
      {"b/16x64", "'b' in 'b'"},
      {"BL/16x64", "'BL' must have one letter; has 'B' and 'L'"},
      {"B9/16x64", "'9' in 'B9'"},
      {"Bd/16x64", "depth (d) must be a whole number; was ''"},
      {"Bd2d9/16x64", "field 'd' is given twice"},
      {"Bw0/16x64", "width (w) must be from 1 to 65536; was 0"},
      {"Bw99999999999999999999/16x64", "width (w) must be from 1 to 65536; was 99999999999999999999"},
      {"Bh0/16x64", "heads (h) must be from 1"},
      {"Bd4097/16x64", "depth (d) must be from 0 to 4096; was 4097"},
      {"Bd2.5/16x64", "depth (d) must be a whole number; was '2.5'"},
      {"Bm2./16x64", "MLP ratio (m) must be a decimal number; was '2.'"},
      {"Bm.5/16x64", "MLP ratio (m) must be a decimal number; was '.5'"},
      {"Bm1.2.3/16x64", "was '1.2.3'"},
      {"Bm0/16x64", "MLP ratio (m) must be above 0 and at most 64; was 0"},
      {"Bm65/16x64", "at most 64; was 65"},
      {"B d2/16x64", "' ' in 'B d2'"},
      {"w64_h4_d2/16x16", "field 2 of 'w64_h4_d2' must begin with 'd'; was 'h4'"},
      {"w64_d2_h4_x9/16x16", "field 4 of 'w64_d2_h4_x9' must begin with 'm'; was 'x9'"},
      {"w64_d2_h4_m2_m3/16x16", "must have the form wN_dN_hN[_mF]; has 5 fields"},
      {"w64_d2/16x16", "has 2 fields"},
      {"w64__h2/16x16", "was ''"},
      {"w_d2_h4/16x16", "width (w) must be a whole number; was ''"},
      {"w64_d2_h4_m/16x16", "MLP ratio (m) must be a decimal number; was ''"},
      {"B/16", "must stand [temporal x] patch x channels; was '16'"},
      {"B/1x16x16x64", "was '1x16x16x64'"},
      {"B/1X16X64", "was '1X16X64'"},
      {"B/1x16xfoo", "latent channels must be a whole number; was 'foo'"},
      {"B/x16x64", "temporal must be a whole number; was ''"},
      {"B/0x16x64", "temporal must be from 1"},
      {"B/1x-16x64", "patch must be a whole number; was '-16'"},
      {"B/1x+16x64", "was '+16'"},
      {"B/1x1_6x64", "was '1_6'"},
      {"B/ 1x16x64", "temporal must be a whole number; was ' 1'"},
      {"B/1x16x64 ", "was '64 '"},
      {"B/1x0x64", "patch must be from 1 to 1024; was 0"},
      {"B/1x16x1", "latent channels must be from 2 to 65536; was 1"},
  };
  for (const BadVariant& bad : cases) {
    const absl::Status status = AutoencoderConfig::FromVariant(bad.variant).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.variant;
    EXPECT_THAT(std::string(status.message()), testing::StartsWith(StrCat("variant '", bad.variant, "': ")));
    EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message));
  }
}

TEST(MlpHiddenSizeTest, TruncatesTheProductInDoublePrecision) {
  EXPECT_EQ(MlpHiddenSize(720, 0.7), 496);  // 503.99..., which single precision rounds to 504
  EXPECT_EQ(MlpHiddenSize(768, 2.67), 2048);
  EXPECT_EQ(MlpHiddenSize(8, 0.9), 0);
}

AutoencoderConfig Config(const std::string& variant) { return AutoencoderConfig::FromVariant(variant).value(); }

TEST(CheckBuildableTest, AcceptsSoundModels) {
  for (const char* variant : {"B/16x16", "w64_d0_h4/16x16", "Gd1/16x2"}) {
    EXPECT_TRUE(Config(variant).CheckBuildable().ok()) << variant;
  }
  AutoencoderConfig one_half = Config("B/16x16");
  one_half.decoder = {};
  EXPECT_TRUE(one_half.CheckBuildable().ok());
}

TEST(CheckBuildableTest, NamesWhatCannotBeBuilt) {
  const auto message = [](const AutoencoderConfig& config) {
    const absl::Status status = config.CheckBuildable();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(message(Config("B-Ld32h20/16x16")), "decoder: width must be a multiple of heads; was 1024 with 20 heads");
  EXPECT_EQ(message(Config("w60_d2_h10-B/16x16")),
            "encoder: head dimension must be a multiple of 4 (2-D RoPE); was 6 (width 60 / 10 heads)");
  EXPECT_EQ(message(Config("w64_d2_h128-B/16x16")),
            "encoder: width must be a multiple of heads; was 64 with 128 heads");
  EXPECT_EQ(message(Config("w4_d1_h1_m1/16x16")), "encoder: MLP hidden size must be positive; was 0");
  AutoencoderConfig config = Config("B/16x16");
  config.latent_channels = 1;
  EXPECT_THAT(message(config), HasSubstr("latent channels must be at least 2"));
  EXPECT_THAT(message(AutoencoderConfig()), HasSubstr("none is"));
}

TEST(ParametersTest, CountTheHalvesThatArePresent) {
  AutoencoderConfig config = Config("Ld4-Ld24/1x16x64");
  EXPECT_EQ(config.encoder_parameters(), 51'258'944);
  EXPECT_EQ(config.decoder_parameters(), 303'289'088);
  config.encoder = {};
  EXPECT_EQ(config.encoder_parameters(), 0);
  EXPECT_EQ(config.decoder_parameters(), 303'289'088);
}

TEST(DescribeTest, WritesTheUnderscoreForm) {
  EXPECT_EQ(Config("Ld4-L/16x64").Describe(), "w1024_d4_h16-w1024_d24_h16/1x16x64");
  EXPECT_EQ(Config("w64d2h4m2.5/8x4").Describe(), "w64_d2_h4_m2.5-w64_d2_h4_m2.5/1x8x4");
  AutoencoderConfig encoder_only = Config("w64d2h4/8x4");
  encoder_only.decoder = {};
  EXPECT_EQ(encoder_only.Describe(), "w64_d2_h4-none/1x8x4");
}

TEST(DescribeTest, DescribesWhatFromVariantReadsBack) {
  for (const char* variant : {"B/2x16x64", "E-w4_d0_h1/1x14x12", "Gm3.28/16x64", "w720d1h6m0.7/16x8", "Lm4-Bd2m2/16x16",
                              "w64_d2_h4_m0.01/16x4", "w300_d1_h3_m3.28-w1728_d1_h24_m3.1/16x4",
                              "w4096_d1_h32_m2.001-w100_d1_h1/16x4", "w65536_d1_h4_m63.9/1024x9"}) {
    const AutoencoderConfig config = Config(variant);
    const auto again = AutoencoderConfig::FromVariant(config.Describe());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->encoder, config.encoder) << variant << " " << config.Describe();
    EXPECT_EQ(again->decoder, config.decoder) << variant << " " << config.Describe();
    EXPECT_EQ(again->temporal, config.temporal);
    EXPECT_EQ(again->patch_px, config.patch_px);
    EXPECT_EQ(again->latent_channels, config.latent_channels);
  }
}

}  // namespace
}  // namespace vitok
