#include "core/model/load_autoencoder.h"

#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "core/weights/safetensors.h"
#include "tests/support/tensor_matchers.h"
#include "tests/support/tiny_model.h"

namespace vitok {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

std::map<std::string, TensorView> Views(const WeightMap& weights) {
  std::map<std::string, TensorView> views;
  for (const auto& [name, tensor] : weights) views[name] = ViewOf(tensor);
  return views;
}

class LoadAutoencoderTest : public testing::Test {
 protected:
  LoadAutoencoderTest()
      : config_(*AutoencoderConfig::FromVariant(kTinyVariant)), weights_(RandomWeights(config_, at::kFloat)) {
    folder_ = fs::path(testing::TempDir()) /
              ("load_autoencoder_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) +
               std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  ~LoadAutoencoderTest() override { fs::remove_all(folder_); }

  WeightMap Half(bool encoder) const {
    WeightMap half;
    const ShapeMap names = WeightShapes(config_, encoder ? AutoencoderHalf::kEncoder : AutoencoderHalf::kDecoder);
    for (const auto& [name, shape] : names) half[name] = weights_.at(name);
    return half;
  }

  void Write(const std::string& file, const WeightMap& weights) const {
    ASSERT_TRUE(WriteSafetensors((folder_ / file).string(), Views(weights)).ok());
  }

  void WriteHalves() const {
    Write("encoder.safetensors", Half(true));
    Write("decoder.safetensors", Half(false));
  }

  LoadOptions Options() const { return {.folder = folder_.string()}; }

  static absl::StatusOr<TokenizerOutput> RunOne(Tokenizer& tokenizer, TokenizerInput input, OutputForm form) {
    const c10::InferenceMode inference;
    BatchTimes times;
    const TokenizerItem item = {std::move(input), form};
    auto outputs = tokenizer.Run({&item, 1}, times);
    if (!outputs.ok()) return outputs.status();
    return std::move(outputs->front());
  }

  at::Tensor Reconstruct(Tokenizer& tokenizer) const {
    const auto result = RunOne(tokenizer, RandomImage(config_, 4, 3, 5), OutputForm::kPatches);
    EXPECT_TRUE(result.ok()) << result.status();
    return std::get<PatchSequence>(*result).patches_ND;
  }

  fs::path folder_;
  AutoencoderConfig config_;
  WeightMap weights_;
};

TEST_F(LoadAutoencoderTest, ReadsTheShapeOfTheModelFromItsWeights) {
  WriteHalves();
  const auto tokenizer = LoadAutoencoder(Options());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const TokenizerInfo& info = (*tokenizer)->info();
  EXPECT_EQ(info.patch_px, 8);
  EXPECT_EQ(info.patch_values, 192);
  EXPECT_EQ(info.latent_channels, 16);
  EXPECT_EQ(info.device, "cpu");
  EXPECT_EQ(info.encoder_parameters, config_.encoder_parameters());
  EXPECT_EQ(info.decoder_parameters, config_.decoder_parameters());
  EXPECT_TRUE(AutoencoderConfig::FromVariant(info.variant).ok()) << info.variant;
}

TEST_F(LoadAutoencoderTest, MergedAndPrefixedFileGivesTheSameModel) {
  WriteHalves();
  const auto two_files = LoadAutoencoder(Options());
  ASSERT_TRUE(two_files.ok()) << two_files.status();
  const at::Tensor expected = Reconstruct(**two_files);
  fs::remove(folder_ / "encoder.safetensors");
  fs::remove(folder_ / "decoder.safetensors");
  WeightMap compiled;
  for (const auto& [name, tensor] : weights_) compiled["_orig_mod." + name] = tensor;
  Write("model.safetensors", compiled);
  const auto merged = LoadAutoencoder(Options());
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_TRUE(IsSame(Reconstruct(**merged), expected));
}

TEST_F(LoadAutoencoderTest, ShardsWithAnIndexGiveTheSameModel) {
  WriteHalves();
  const at::Tensor expected = Reconstruct(**LoadAutoencoder(Options()));
  fs::remove(folder_ / "encoder.safetensors");
  fs::remove(folder_ / "decoder.safetensors");
  // Every second weight: both files hold some of both halves.
  std::array<WeightMap, 2> shards;
  std::string map;
  for (const auto& [name, tensor] : weights_) {
    const size_t shard = shards[0].size() > shards[1].size() ? 1 : 0;
    shards[shard][name] = tensor;
    map += (map.empty() ? "\"" : ", \"") + name + "\": \"model-" + std::to_string(shard) + ".safetensors\"";
  }
  Write("model-0.safetensors", shards[0]);
  Write("model-1.safetensors", shards[1]);
  std::ofstream(folder_ / "model.safetensors.index.json") << "{\"metadata\": {}, \"weight_map\": {" << map << "}}";
  for (const auto halves : {LoadOptions::Halves::kBoth, LoadOptions::Halves::kDecoder}) {
    LoadOptions options = Options();
    options.halves = halves;
    const auto tokenizer = LoadAutoencoder(options);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    EXPECT_EQ((*tokenizer)->info().can_encode, halves == LoadOptions::Halves::kBoth);
    if (halves == LoadOptions::Halves::kDecoder) continue;
    EXPECT_TRUE(IsSame(Reconstruct(**tokenizer), expected));
  }
  fs::remove(folder_ / "model-1.safetensors");
  const absl::Status status = LoadAutoencoder(Options()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("model-1.safetensors"));
}

TEST_F(LoadAutoencoderTest, OneFileWithLegacyNamesGivesTheSameModel) {
  WriteHalves();
  const at::Tensor expected = Reconstruct(**LoadAutoencoder(Options()));
  WeightMap legacy;
  for (const auto& [name, tensor] : weights_) {
    std::string old_name = name;
    if (const size_t blocks = old_name.find("_blocks."); blocks != std::string::npos) old_name.erase(blocks, 7);
    legacy[old_name] = tensor;
  }
  Write("old.safetensors", legacy);
  LoadOptions options = Options();
  options.folder = (folder_ / "old.safetensors").string();
  const auto tokenizer = LoadAutoencoder(options);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_TRUE(IsSame(Reconstruct(**tokenizer), expected));
}

TEST_F(LoadAutoencoderTest, HalfPrecisionWeightsAreTheirValuesInFloat32) {
  for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
    WeightMap rounded, widened;
    for (const auto& [name, tensor] : weights_) {
      rounded[name] = tensor.to(type);
      widened[name] = rounded[name].to(at::kFloat);
    }
    Write("model.safetensors", widened);
    const at::Tensor expected = Reconstruct(**LoadAutoencoder(Options()));
    Write("model.safetensors", rounded);
    const auto tokenizer = LoadAutoencoder(Options());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    EXPECT_TRUE(IsSame(Reconstruct(**tokenizer), expected)) << type;
  }
}

TEST_F(LoadAutoencoderTest, EncoderOnlyRefusesToDecode) {
  WriteHalves();
  LoadOptions options = Options();
  options.halves = LoadOptions::Halves::kEncoder;
  const auto tokenizer = LoadAutoencoder(options);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_TRUE((*tokenizer)->info().can_encode);
  EXPECT_FALSE((*tokenizer)->info().can_decode);
  const PatchSequence image = RandomImage(config_, 2, 2, 1);
  EXPECT_TRUE(RunOne(**tokenizer, image, OutputForm::kLatents).ok());
  EXPECT_TRUE(absl::IsUnimplemented(RunOne(**tokenizer, image, OutputForm::kPatches).status()));
}

TEST_F(LoadAutoencoderTest, DecoderAloneLoadsAndRefusesToEncode) {
  Write("decoder.safetensors", Half(false));
  const auto tokenizer = LoadAutoencoder(Options());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const PatchSequence image = RandomImage(config_, 2, 2, 1);
  EXPECT_TRUE(absl::IsUnimplemented(RunOne(**tokenizer, image, OutputForm::kLatents).status()));
  const LatentSequence latent{at::randn({4, 16}), image.row_N, image.col_N, image.geometry};
  EXPECT_TRUE(RunOne(**tokenizer, latent, OutputForm::kPatches).ok());
}

TEST_F(LoadAutoencoderTest, EncodeThenDecodeEqualsReconstructBitForBit) {
  WriteHalves();
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16}) {
    LoadOptions options = Options();
    options.precision = precision;
    options.attend_padding_to = 20;
    const auto tokenizer = LoadAutoencoder(options);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    const auto encoded = RunOne(**tokenizer, RandomImage(config_, 4, 3, 5), OutputForm::kLatents);
    ASSERT_TRUE(encoded.ok());
    const auto& latents = std::get<LatentSequence>(*encoded);
    EXPECT_EQ(latents.z_NZ.size(0), 20);
    const auto decoded = RunOne(**tokenizer, latents, OutputForm::kPatches);
    ASSERT_TRUE(decoded.ok());
    const at::Tensor& patches_ND = std::get<PatchSequence>(*decoded).patches_ND;
    EXPECT_EQ(patches_ND.size(0), 12);
    EXPECT_TRUE(IsSame(patches_ND, Reconstruct(**tokenizer)));
  }
}

TEST_F(LoadAutoencoderTest, NamesEveryWeightThatDoesNotFit) {
  weights_.erase("patch_embed.bias");
  weights_["decoder_blocks.0.extra.weight"] = at::zeros({3});
  weights_["to_pixels.bias"] = at::zeros({7});
  Write("model.safetensors", weights_);
  LoadOptions options = Options();
  options.variant = kTinyVariant;
  const absl::Status status = LoadAutoencoder(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("patch_embed.bias"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("decoder_blocks.0.extra.weight"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("to_pixels.bias"));
}

TEST_F(LoadAutoencoderTest, RefusesAVariantThatTheWeightsAreNot) {
  WriteHalves();
  LoadOptions options = Options();
  options.variant = "w32_d2_h2-w72_d3_h3/1x8x16";
  const absl::Status status = LoadAutoencoder(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("decoder_blocks.2."));
}

TEST_F(LoadAutoencoderTest, NamesWhatIsMissing) {
  LoadOptions options = Options();
  EXPECT_EQ(LoadAutoencoder(options).status().code(), absl::StatusCode::kNotFound);
  options.folder = "no/such/folder";
  EXPECT_THAT(std::string(LoadAutoencoder(options).status().message()), HasSubstr("no/such/folder"));
  Write("encoder.safetensors", Half(true));
  options = Options();
  options.halves = LoadOptions::Halves::kBoth;
  EXPECT_EQ(LoadAutoencoder(options).status().code(), absl::StatusCode::kNotFound);
  options = Options();
  options.precision = Precision::kFp8;
  EXPECT_EQ(LoadAutoencoder(options).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(LoadAutoencoder(options).status().message()),
              AllOf(HasSubstr(options.folder), HasSubstr("dtype fp8"), HasSubstr("the device is cpu")));
  options = Options();
  options.device = "tpu";
  EXPECT_EQ(LoadAutoencoder(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoadAutoencoderTest, RefusesATruncatedFile) {
  WriteHalves();
  fs::resize_file(folder_ / "encoder.safetensors", fs::file_size(folder_ / "encoder.safetensors") - 5);
  const absl::Status status = LoadAutoencoder(Options()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("encoder.safetensors"));
}

}  // namespace
}  // namespace vitok
