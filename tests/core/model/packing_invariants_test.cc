// What packing promises: a batch equals each image alone (on the CPU bit for bit), order does not matter, tokens never
// cross images, nothing is computed for padding.
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/tokens/pack.h"
#include "tests/support/tensor_matchers.h"
#include "tests/support/tiny_model.h"

namespace vitok {
namespace {

struct Params {
  std::optional<int64_t> window;
};

class PackingInvariants : public testing::TestWithParam<Params> {
 protected:
  PackingInvariants() : model_(MakeTinyModel(at::kFloat, GetParam().window)) {
    int64_t seed = 10;
    for (const auto& [rows, cols] : {std::pair{3, 5}, {1, 1}, {8, 2}, {1, 31}, {20, 17}, {4, 4}}) {
      images_.push_back(RandomImage(model_.config(), rows, cols, seed++));
    }
  }

  std::vector<LatentSequence> Encode(const std::vector<PatchSequence>& images) const {
    return SplitLatents(model_.Encode(PackPatches(images, {})));
  }

  std::vector<PatchSequence> Decode(const std::vector<LatentSequence>& latents) const {
    return SplitPatches(model_.Decode(PackLatents(latents, {})));
  }

  const c10::InferenceMode inference_;
  const Autoencoder model_;
  std::vector<PatchSequence> images_;
};

INSTANTIATE_TEST_SUITE_P(, PackingInvariants, testing::Values(Params{std::nullopt}, Params{4}),
                         [](const auto& info) { return info.param.window ? "SlidingWindow" : "FullAttention"; });

TEST_P(PackingInvariants, BatchEqualsEachImageAlone) {
  const std::vector<LatentSequence> latents = Encode(images_);
  const std::vector<PatchSequence> decoded = Decode(latents);
  for (size_t i = 0; i < images_.size(); ++i) {
    EXPECT_TRUE(IsSame(latents[i].z_NZ, Encode({images_[i]})[0].z_NZ)) << i;
    EXPECT_TRUE(IsSame(decoded[i].patches_ND, Decode({latents[i]})[0].patches_ND)) << i;
  }
}

TEST_P(PackingInvariants, OrderOfImagesDoesNotMatter) {
  const std::vector<LatentSequence> forward = Encode(images_);
  std::vector<PatchSequence> reversed_images(images_.rbegin(), images_.rend());
  std::vector<LatentSequence> backward = Encode(reversed_images);
  std::reverse(backward.begin(), backward.end());
  for (size_t i = 0; i < images_.size(); ++i) EXPECT_TRUE(IsSame(forward[i].z_NZ, backward[i].z_NZ)) << i;
}

TEST_P(PackingInvariants, NoTokenAttendsAcrossImages) {
  const std::vector<LatentSequence> before = Encode(images_);
  std::vector<PatchSequence> changed = images_;
  changed[2].patches_ND = at::full_like(changed[2].patches_ND, NAN);
  const std::vector<LatentSequence> after = Encode(changed);
  for (size_t i = 0; i < images_.size(); ++i) {
    if (i == 2) {
      EXPECT_TRUE(after[i].z_NZ.isnan().all().item<bool>());
    } else {
      EXPECT_TRUE(IsSame(after[i].z_NZ, before[i].z_NZ)) << i;
    }
  }
}

TEST_P(PackingInvariants, NoPaddedTokenIsComputed) {
  const PackedLatents latents = model_.Encode(PackPatches(images_, {}));
  int64_t tokens = 0;
  for (const PatchSequence& image : images_) tokens += image.patches_ND.size(0);
  EXPECT_EQ(latents.z_TZ.size(0), tokens);
  EXPECT_EQ(latents.layout.num_tokens(), tokens);
}

TEST(TokenOrder, IsFreeIfPositionsGoAlong) {
  const c10::InferenceMode inference;
  const Autoencoder model = MakeTinyModel();
  const PatchSequence image = RandomImage(model.config(), 6, 7, 3);
  const at::Tensor order = at::randperm(42);
  const PatchSequence shuffled{image.patches_ND.index_select(0, order), image.row_N.index_select(0, order),
                               image.col_N.index_select(0, order), image.geometry};
  const at::Tensor z = model.Encode(PackPatches({{image}}, {})).z_TZ;
  const at::Tensor z_shuffled = model.Encode(PackPatches({{shuffled}}, {})).z_TZ;
  EXPECT_TRUE(IsNear(z_shuffled, z.index_select(0, order), 2e-5));
}

TEST(Bfloat16, BatchEqualsEachImageAlone) {
  const c10::InferenceMode inference;
  const Autoencoder model = MakeTinyModel(at::kBFloat16);
  const std::vector<PatchSequence> images = {RandomImage(model.config(), 3, 5, 1),
                                             RandomImage(model.config(), 9, 4, 2)};
  const PackOptions options{.dtype = at::kBFloat16};
  const at::Tensor together = model.Encode(PackPatches(images, options)).z_TZ;
  const at::Tensor alone = model.Encode(PackPatches({{images[1]}}, options)).z_TZ;
  EXPECT_TRUE(IsSame(together.narrow(0, 15, 36), alone));
}

}  // namespace
}  // namespace vitok
