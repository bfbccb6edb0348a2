#include "core/image/batch_postprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/image/transforms.h"
#include "core/tokens/pack.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::vector<PatchSequence> TwoSequences() {
  return {PatchifyImage({}, {8, 99}, MakePattern(20, 37)).value(),
          PatchifyImage({}, {8, 99}, MakePattern(9, 50)).value()};
}

std::string ErrorOf(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(BatchPostprocessTest, ABatchEqualsEachImageAlone) {
  const std::vector<PatchSequence> sequences = TwoSequences();
  for (const PixelRange to : {PixelRange::kMinusOneToOne, PixelRange::kZeroToOne, PixelRange::kZeroTo255}) {
    const auto images = PostprocessBatch(PackPatches(sequences, {}), 8, {.to = to});
    ASSERT_TRUE(images.ok()) << images.status();
    ASSERT_EQ(images->size(), 2);
    for (size_t i = 0; i < sequences.size(); ++i) {
      const at::Tensor alone_3HW = PatchesToPixels(sequences[i], 8).value();
      EXPECT_TRUE((*images)[i].equal(ConvertPixelRange(alone_3HW, PixelRange::kMinusOneToOne, to))) << i;
    }
  }
}

TEST(BatchPostprocessTest, TheCanvasFitsTheWholeBatchOrIsGiven) {
  const PackedPatches batch = PackPatches(TwoSequences(), {});
  EXPECT_EQ(UnpatchifyBatch(batch, 8)->sizes(), at::IntArrayRef({2, 3, 24, 56}));
  EXPECT_EQ(UnpatchifyBatch(batch, 8, 8)->sizes(), at::IntArrayRef({2, 3, 64, 64}));
  const auto whole = PostprocessBatch(batch, 8, {.unpack = false, .max_grid_size = 8});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_EQ(whole->front().sizes(), at::IntArrayRef({3, 64, 64}));
  EXPECT_TRUE(whole->front().narrow(1, 24, 40).eq(0).all().item<bool>());
}

TEST(BatchPostprocessTest, GradientsReachThePatches) {
  PackedPatches batch = PackPatches(TwoSequences(), {});
  batch.patches_TD.set_requires_grad(true);
  const auto images = PostprocessBatch(batch, 8, {});
  ASSERT_TRUE(images.ok()) << images.status();
  (images->at(0).sum() + images->at(1).sum()).backward();
  // One for each pixel inside its picture.
  EXPECT_EQ(batch.patches_TD.grad().sum().item<double>(), 3 * (20 * 37 + 9 * 50));
}

TEST(BatchPostprocessTest, RefusesWhatDoesNotFit) {
  const PackedPatches good = PackPatches(TwoSequences(), {});
  EXPECT_THAT(ErrorOf(UnpatchifyBatch(good, 8, 6).status()),
              AllOf(HasSubstr("token 6 of image 1"), HasSubstr("column 6"), HasSubstr("6 columns")));
  EXPECT_THAT(ErrorOf(UnpatchifyBatch(good, 16).status()), AllOf(HasSubstr("768 values"), HasSubstr("had 192")));
  PackedPatches bad = good;
  bad.layout.row_T = good.layout.row_T.clone();
  bad.layout.row_T[0] = -1;
  EXPECT_THAT(ErrorOf(UnpatchifyBatch(bad, 8).status()), HasSubstr("row -1"));
  bad.layout.row_T[0] = 1;
  EXPECT_THAT(ErrorOf(UnpatchifyBatch(bad, 8).status()), HasSubstr("another token"));
  EXPECT_THAT(ErrorOf(PostprocessBatch(PackPatches(TwoSequences(), {.pad_to_tokens = 40}), 8, {}).status()),
              HasSubstr("row 0, column 0"));
  const at::Tensor images = at::zeros({2, 3, 8, 8});
  const std::vector<ImageGeometry> sizes = {{8, 8}, {8, 9}};
  EXPECT_THAT(ErrorOf(UnpackImages(images, sizes).status()), AllOf(HasSubstr("image 1"), HasSubstr("9 x 8")));
  EXPECT_THAT(ErrorOf(UnpackImages(images.narrow(0, 0, 1), sizes).status()), HasSubstr("were 2"));
}

}  // namespace
}  // namespace vitok
