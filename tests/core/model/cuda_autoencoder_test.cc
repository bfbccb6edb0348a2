// The autoencoder on a GPU against the CPU; skipped where there is none.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "core/model/device.h"
#include "core/tokens/pack.h"
#include "tests/support/tensor_matchers.h"
#include "tests/support/tiny_model.h"

namespace vitok {
namespace {

class CudaAutoencoderTest : public ::testing::TestWithParam<std::optional<int64_t>> {
 protected:
  void SetUp() override {
    if (const auto device = ParseDevice("cuda"); !device.ok()) GTEST_SKIP() << device.status().message();
  }

  // Latents and patches of some images, packed and on the host.
  static std::pair<at::Tensor, at::Tensor> RoundTrip(at::ScalarType dtype, at::Device device) {
    const Autoencoder model = MakeTinyModel(dtype, GetParam(), device);
    std::vector<PatchSequence> images;
    for (const auto& [rows, cols] : {std::pair{3, 5}, {1, 1}, {20, 17}, {4, 4}}) {
      images.push_back(RandomImage(model.config(), rows, cols, rows));
    }
    const PackedLatents latents = model.Encode(PackPatches(images, {.dtype = dtype, .device = device}));
    return {latents.z_TZ.cpu(), model.Decode(latents).patches_TD.cpu()};
  }

  const c10::InferenceMode inference_;
};

INSTANTIATE_TEST_SUITE_P(, CudaAutoencoderTest, testing::Values(std::nullopt, std::optional<int64_t>(4)),
                         [](const auto& info) { return info.param ? "SlidingWindow" : "FullAttention"; });

TEST_P(CudaAutoencoderTest, EqualsTheCpu) {
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, 2e-4}, {at::kBFloat16, 0.15}}) {
    const auto [z, patches] = RoundTrip(dtype, at::kCUDA);
    const auto [expected_z, expected_patches] = RoundTrip(dtype, at::kCPU);
    EXPECT_TRUE(IsNear(z, expected_z, tolerance)) << c10::toString(dtype);
    EXPECT_TRUE(IsNear(patches, expected_patches, tolerance)) << c10::toString(dtype);
  }
}

}  // namespace
}  // namespace vitok
