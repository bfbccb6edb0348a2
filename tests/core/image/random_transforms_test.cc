#include "core/image/random_transforms.h"

#include <gtest/gtest.h>

#include <future>
#include <vector>

#include "core/image/preprocessor.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

constexpr SizePx kSize = {80, 100};

Preprocessor Parse(const std::string& spec) { return Preprocessor::Parse(spec).value(); }

// The pipeline on which the reference trains, for small pictures.
constexpr char kTraining[] =
    "random_choice(ops=['random_resized_crop(32)', 'identity'], probs=[0.5, 0.5])|flip|to_tensor|normalize|"
    "resize_to_token_budget(8, 16)|patchify(8, 16)";

TEST(RandomTransformsTest, TheBoxLiesInThePicture) {
  for (const SizePx size : {SizePx{1, 1}, {1, 50}, {50, 1}, {3, 2}, {65535, 1}}) {
    for (uint64_t index = 0; index < 200; ++index) {
      RandomStream random(1, index);
      const PixelWindow box = DrawCropBox({8, 8, {0.0, 1.0}, {0.001, 1000.0}}, size, random);
      ASSERT_GE(box.top, 0);
      ASSERT_GE(box.left, 0);
      ASSERT_GE(box.height_px, 1);
      ASSERT_GE(box.width_px, 1);
      ASSERT_LE(box.top + box.height_px, size.height);
      ASSERT_LE(box.left + box.width_px, size.width);
    }
  }
}

TEST(RandomTransformsTest, WithoutAFitTheBoxIsTheLargestInTheMiddle) {
  RandomStream random(1, 0);
  const RandomResizedCropOp never_fits = {8, 8, {50.0, 100.0}, {0.75, 1.333}};
  const PixelWindow wide = DrawCropBox(never_fits, {40, 300}, random);
  EXPECT_EQ(wide.height_px, 40);
  EXPECT_EQ(wide.width_px, 53);
  EXPECT_EQ(wide.left, 123);
  const PixelWindow tall = DrawCropBox(never_fits, {300, 40}, random);
  EXPECT_EQ(tall.height_px, 53);
  EXPECT_EQ(tall.top, 123);
  const PixelWindow whole = DrawCropBox(never_fits, {40, 40}, random);
  EXPECT_EQ(whole.height_px, 40);
  EXPECT_EQ(whole.width_px, 40);
  // One row is more than the ratio allows; a box has at least one all the same.
  EXPECT_EQ(DrawCropBox({8, 8, {50.0, 100.0}, {900.0, 1000.0}}, {5, 3}, random).height_px, 1);
}

TEST(RandomTransformsTest, FlipIsDoneAsOftenAsItSays) {
  constexpr int kDraws = 4000;
  int flipped = 0;
  for (uint64_t index = 0; index < kDraws; ++index) {
    RandomStream random(5, index);
    flipped += std::holds_alternative<MirrorOp>(DrawTransform(FlipOp{0.25}, kSize, random)) ? 1 : 0;
  }
  EXPECT_NEAR(flipped, kDraws / 4, 140);  // five standard deviations
}

TEST(RandomTransformsTest, AChoiceOfRandomOperationsIsDrawnToTheEnd) {
  const RandomChoiceOp choice = {{{RandomResizedCropOp{8, 8}, 1.0}, {RandomChoiceOp{{{FlipOp{1.0}, 2.0}}}, 1.0}}};
  int crops = 0, mirrors = 0;
  for (uint64_t index = 0; index < 100; ++index) {
    RandomStream random(1, index);
    const TransformOp op = DrawTransform(choice, kSize, random);
    crops += std::holds_alternative<CropAndResizeOp>(op) ? 1 : 0;
    mirrors += std::holds_alternative<MirrorOp>(op) ? 1 : 0;
  }
  EXPECT_GT(crops, 20);
  EXPECT_GT(mirrors, 20);
  EXPECT_EQ(crops + mirrors, 100);
}

TEST(RandomTransformsTest, APipelineKnowsWhetherItIsRandom) {
  for (const char* spec :
       {"random_resized_crop(8)", "flip", "flip(0.001)", kTraining,
        "random_choice(['center_crop(8)', 'identity'], [1, 1])", "random_choice(['flip', 'identity'], [1, 0])"}) {
    EXPECT_TRUE(Parse(spec).is_random()) << spec;
  }
  for (const char* spec : {"", "center_crop(8)|to_tensor", "flip(0)", "flip(1)|to_tensor|flip(p=0.0)",
                           "random_choice(['flip', 'center_crop(8)'], [0, 3])"}) {
    EXPECT_FALSE(Parse(spec).is_random()) << spec;
  }
}

TEST(RandomTransformsTest, WhatIsNotRandomNeedsNoStream) {
  const RgbImage image = MakePattern(20, 30);
  const auto plain = Parse("center_crop(16)|to_tensor|patchify(8, 4)").Run(image);
  const auto twice = Parse(
                         "random_choice(['flip', 'center_crop(16)'], [0, 1])|flip(0)|flip(1)|to_tensor|flip(1)|"
                         "patchify(8, 4)")
                         .Run(image);
  ASSERT_TRUE(plain.ok() && twice.ok()) << twice.status();
  EXPECT_TRUE(plain->patches_ND.equal(twice->patches_ND));
  const auto mirrored = Parse("center_crop(16)|flip(1)|to_tensor|patchify(8, 4)").Run(image);
  ASSERT_TRUE(mirrored.ok());
  EXPECT_FALSE(plain->patches_ND.equal(mirrored->patches_ND));
}

TEST(RandomTransformsTest, RandomPipelinesNeedAStream) {
  const Preprocessor preprocessor = Parse(kTraining);
  for (const absl::Status& status :
       {preprocessor.Run(MakePattern(8, 8)).status(), preprocessor.CountTokens(8, 8).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(Parse("flip|to_tensor|normalize|patchify(8, 16)").pixel_mode(), std::nullopt);
}

// Runs the training pipeline on samples `indices`, each with its own stream.
std::vector<PatchSequence> RunSamples(const std::vector<int64_t>& indices) {
  const Preprocessor preprocessor = Parse(kTraining);
  std::vector<PatchSequence> results;
  for (const int64_t index : indices) {
    RandomStream random(11, index);
    results.push_back(preprocessor.Run(MakePattern(40 + index, 60), random).value());
  }
  return results;
}

TEST(RandomTransformsTest, ASampleIsTheSameInAnyOrderAndOnAnyThread) {
  const std::vector<PatchSequence> in_order = RunSamples({0, 1, 2, 3, 4, 5, 6, 7});
  const std::vector<PatchSequence> backwards = RunSamples({7, 6, 5, 4, 3, 2, 1, 0});
  std::vector<std::future<std::vector<PatchSequence>>> threads;
  for (int64_t i = 0; i < 8; ++i) {
    threads.push_back(std::async(std::launch::async, [i] { return RunSamples({i}); }));
  }
  bool differ = false;
  for (size_t i = 0; i < in_order.size(); ++i) {
    EXPECT_TRUE(in_order[i].patches_ND.equal(backwards[7 - i].patches_ND)) << i;
    EXPECT_TRUE(in_order[i].patches_ND.equal(threads[i].get().front().patches_ND)) << i;
    EXPECT_EQ(in_order[i].geometry, backwards[7 - i].geometry);
    differ |= in_order[i].geometry != in_order[0].geometry;
  }
  EXPECT_TRUE(differ) << "some samples are cropped, some not";
}

TEST(RandomTransformsTest, TheDrawsOfASampleAreThese) {
  // Worked out apart from this code, in Python: the same on every machine and in every release.
  RandomStream random(20261123, 7);
  const PixelWindow box = DrawCropBox({224, 224}, {480, 640}, random);
  EXPECT_EQ(box.top, 4);
  EXPECT_EQ(box.left, 23);
  EXPECT_EQ(box.height_px, 476);
  EXPECT_EQ(box.width_px, 528);
}

}  // namespace
}  // namespace vitok
