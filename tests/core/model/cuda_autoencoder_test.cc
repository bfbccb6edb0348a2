// The autoencoder on a GPU against the CPU; skipped where there is none.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/ops/attention_stats.h"
#include "core/tokens/pack.h"
#include "tests/support/cuda_test.h"
#include "tests/support/tensor_matchers.h"
#include "tests/support/tiny_model.h"

namespace vitok {
namespace {

class CudaAutoencoderTest : public CudaTest, public testing::WithParamInterface<std::optional<int64_t>> {
 protected:
  static Autoencoder MakeModel(const char* variant, Precision precision, at::Device device) {
    AutoencoderConfig config = *AutoencoderConfig::FromVariant(variant);
    config.sliding_window = GetParam();
    return *Autoencoder::Create(config, RandomWeights(config, at::kFloat), precision, device);
  }

  // Latents and patches of some images, packed and on the host.
  static std::pair<at::Tensor, at::Tensor> RoundTrip(const Autoencoder& model) {
    std::vector<PatchSequence> images;
    for (const auto& [rows, cols] : {std::pair{3, 5}, {1, 1}, {20, 17}, {4, 4}}) {
      images.push_back(RandomImage(model.config(), rows, cols, rows));
    }
    const PackedLatents latents = model.Encode(PackPatches(images, {.dtype = model.dtype(), .device = model.device()}));
    return {latents.z_TZ.cpu().to(at::kFloat), model.Decode(latents).patches_TD.cpu().to(at::kFloat)};
  }

  static double RelativeError(const at::Tensor& actual, const at::Tensor& expected) {
    return ((actual - expected).norm() / expected.norm()).item<double>();
  }

  const c10::InferenceMode inference_;
};

INSTANTIATE_TEST_SUITE_P(, CudaAutoencoderTest, testing::Values(std::nullopt, std::optional<int64_t>(4)),
                         [](const auto& info) { return info.param ? "SlidingWindow" : "FullAttention"; });

TEST_P(CudaAutoencoderTest, EqualsTheCpu) {
  for (const auto& [precision, tolerance] : {std::pair{Precision::kFloat32, 2e-4}, {Precision::kBfloat16, 0.15}}) {
    const auto [z, patches] = RoundTrip(MakeModel(kTinyVariant, precision, at::kCUDA));
    const auto [expected_z, expected_patches] = RoundTrip(MakeModel(kTinyVariant, precision, at::kCPU));
    EXPECT_TRUE(IsNear(z, expected_z, tolerance)) << PrecisionName(precision);
    EXPECT_TRUE(IsNear(patches, expected_patches, tolerance)) << PrecisionName(precision);
  }
}

TEST_P(CudaAutoencoderTest, StaysNearFloat32) {
  constexpr char kVariant[] = "w128_d3_h2-w144_d3_h2/1x8x16";  // heads of 64 and 72
  const auto [expected_z, expected_patches] = RoundTrip(MakeModel(kVariant, Precision::kFloat32, at::kCPU));
  for (const auto& [precision, bound] : {std::pair{Precision::kBfloat16, 0.02}, {Precision::kFp8, 0.12}}) {
    const auto [z, patches] = RoundTrip(MakeModel(kVariant, precision, at::kCUDA));
    EXPECT_LT(RelativeError(z, expected_z), bound) << PrecisionName(precision);
    EXPECT_LT(RelativeError(patches, expected_patches), bound) << PrecisionName(precision);
  }
}

// An image whose attention is in e4m3 in the encoder, where heads are of 64, if nothing but its own tokens limits it.
TEST_P(CudaAutoencoderTest, LongImagesStayNearFloat32) {
  constexpr char kVariant[] = "w128_d3_h2-w144_d3_h2/1x8x16";
  const auto run = [&](Precision precision) {
    const Autoencoder model = MakeModel(kVariant, precision, at::kCUDA);
    const std::vector<PatchSequence> images = {RandomImage(model.config(), 3, 5, 1),
                                               RandomImage(model.config(), 64, 66, 2)};
    const PackedLatents latents = model.Encode(PackPatches(images, {.dtype = model.dtype(), .device = model.device()}));
    return std::pair(latents.z_TZ.to(at::kFloat), model.Decode(latents).patches_TD.to(at::kFloat));
  };
  const int64_t fp8_passes = ReadAttentionStats().passes[static_cast<size_t>(AttentionPath::kPackedFp8)];
  const auto [expected_z, expected_patches] = run(Precision::kFloat32);
  const auto [z, patches] = run(Precision::kFp8);
  EXPECT_LT(RelativeError(z, expected_z), 0.12);
  EXPECT_LT(RelativeError(patches, expected_patches), 0.12);
  EXPECT_EQ(ReadAttentionStats().passes[static_cast<size_t>(AttentionPath::kPackedFp8)] - fp8_passes,
            GetParam().has_value() ? 0 : 1);
}

TEST_P(CudaAutoencoderTest, RefusesFp8WithAWidthItsProductsDoNotTake) {
  AutoencoderConfig config = *AutoencoderConfig::FromVariant(kTinyVariant);
  const auto model = Autoencoder::Create(config, RandomWeights(config, at::kFloat), Precision::kFp8, at::kCUDA);
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(model.status().message().find("width 72 is no multiple of 16"), std::string_view::npos) << model.status();
}

}  // namespace
}  // namespace vitok
