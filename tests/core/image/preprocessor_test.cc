#include "core/image/preprocessor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/image/codec.h"
#include "tests/core/image/image_bytes.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Preprocessor Parse(const std::string& spec) {
  absl::StatusOr<Preprocessor> preprocessor = Preprocessor::Parse(spec);
  if (!preprocessor.ok()) throw std::runtime_error(std::string(preprocessor.status().message()));
  return *std::move(preprocessor);
}

std::string ParseError(const std::string& spec) {
  const absl::Status status = Preprocessor::Parse(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << spec;
  return std::string(status.message());
}

TEST(PreprocessorTest, RunsThePipelineInOrder) {
  const Preprocessor preprocessor =
      Parse("resize_longest_side(64)|center_crop(32)|to_tensor|normalize|patchify(16, 4)");
  const RgbImage image = MakePattern(50, 100);
  const absl::StatusOr<PatchSequence> patches = preprocessor.Run(image);
  ASSERT_TRUE(patches.ok()) << patches.status();
  const absl::StatusOr<RgbImage> resized = ResizeToLongestSide({64}, image);
  ASSERT_TRUE(resized.ok());
  const absl::StatusOr<PatchSequence> expected = PatchifyImage({}, {16, 4}, CropToCenter({32}, *resized));
  ASSERT_TRUE(expected.ok());
  EXPECT_TRUE(patches->patches_ND.equal(expected->patches_ND));
  EXPECT_EQ(patches->geometry, (ImageGeometry{32, 32, 2, 2}));
  EXPECT_EQ(preprocessor.patch_px(), 16);
}

TEST(PreprocessorTest, AnyNumberOfNormalizeIsApplied) {
  const RgbImage image = MakePattern(20, 30);
  for (const auto& [spec, modes] : {std::pair("to_tensor|patchify(8, 99)", std::vector<NormalizeMode>{}),
                                    {"to_tensor|normalize(imagenet)|normalize|patchify(8, 99)",
                                     {NormalizeMode::kImagenet, NormalizeMode::kMinusOneToOne}}}) {
    SCOPED_TRACE(spec);
    at::Tensor pixels_3HW = ImageToTensor(image);
    for (const NormalizeMode mode : modes) pixels_3HW = NormalizeTensor({mode}, pixels_3HW);
    const absl::StatusOr<PatchSequence> expected = PatchifyTensor({8, 99}, pixels_3HW);
    const absl::StatusOr<PatchSequence> patches = Parse(spec).Run(image);
    ASSERT_TRUE(patches.ok() && expected.ok()) << patches.status();
    EXPECT_TRUE(patches->patches_ND.equal(expected->patches_ND));
  }
}

TEST(PreprocessorTest, TokenBudgetByStripesEqualsOperationAfterOperation) {
  for (const auto& [height_px, width_px] : {std::pair(150, 200), {64, 300}, {65, 40}, {1, 900}, {900, 1}, {20, 30}}) {
    SCOPED_TRACE(std::to_string(width_px) + " x " + std::to_string(height_px));
    const RgbImage image = MakePattern(height_px, width_px);
    at::Tensor pixels_3HW = NormalizeTensor({NormalizeMode::kImagenet}, ImageToTensor(image));
    pixels_3HW = ResizeToTokenBudget({8, 80}, NormalizeTensor({}, pixels_3HW));
    const absl::StatusOr<PatchSequence> expected = PatchifyTensor({8, 999}, MirrorTensor(pixels_3HW));
    const absl::StatusOr<PatchSequence> patches =
        Parse("to_tensor|normalize(imagenet)|normalize|resize_to_token_budget(8, 80)|flip(1)|patchify(8, 999)")
            .Run(image);
    ASSERT_TRUE(patches.ok() && expected.ok()) << patches.status();
    EXPECT_TRUE(patches->patches_ND.equal(expected->patches_ND));
    EXPECT_EQ(patches->geometry, expected->geometry);
  }
}

TEST(PreprocessorTest, PixelsAndTheirModeGiveThePatchesOfRun) {
  const RgbImage image = MakePattern(50, 101);
  for (const std::string spec : {"to_tensor|patchify(8, 999)", "to_tensor|normalize|patchify(8, 999)",
                                 "identity|center_crop(33)|to_tensor|normalize(imagenet)|identity|patchify(8, 999)",
                                 "resize_longest_side(64)|to_tensor|normalize(zero_to_one)|patchify(8, 999)",
                                 "flip(1)|to_tensor|normalize|flip(0)|patchify(8, 999)"}) {
    SCOPED_TRACE(spec);
    const Preprocessor preprocessor = Parse(spec);
    ASSERT_TRUE(preprocessor.pixel_mode().has_value());
    const absl::StatusOr<at::Tensor> pixels_HW3 = preprocessor.RunOnPixels(image);
    ASSERT_TRUE(pixels_HW3.ok()) << pixels_HW3.status();
    const RgbView view(pixels_HW3->size(0), pixels_HW3->size(1), pixels_HW3->const_data_ptr<uint8_t>());
    const absl::StatusOr<PatchSequence> patches = PatchifyImage({*preprocessor.pixel_mode()}, {8, 999}, view);
    const absl::StatusOr<PatchSequence> expected = preprocessor.Run(image);
    ASSERT_TRUE(patches.ok() && expected.ok()) << expected.status();
    EXPECT_TRUE(patches->patches_ND.equal(expected->patches_ND));
    EXPECT_EQ(patches->geometry, expected->geometry);
  }
}

TEST(PreprocessorTest, PixelsThatNothingChangesAreNotCopied) {
  const RgbImage image = MakePattern(20, 30);
  EXPECT_EQ(Parse("to_tensor|normalize|patchify(8, 99)").RunOnPixels(image)->const_data_ptr(), image.pixels_HWC.data());
  const absl::Status too_many = Parse("to_tensor|normalize|patchify(8, 9)").RunOnPixels(image).status();
  EXPECT_TRUE(absl::IsInvalidArgument(too_many)) << too_many;
}

TEST(PreprocessorTest, OtherPipelinesHaveNoPixelMode) {
  for (const std::string spec :
       {"", "center_crop(8)", "to_tensor|normalize", "patchify(8, 99)",
        "to_tensor|normalize(imagenet)|normalize|patchify(8, 99)", "to_tensor|flip(1)|patchify(8, 99)",
        "to_tensor|resize_to_token_budget(8, 9)|patchify(8, 99)"}) {
    const absl::StatusOr<Preprocessor> preprocessor = Preprocessor::Parse(spec);
    if (preprocessor.ok()) {
      EXPECT_EQ(preprocessor->pixel_mode(), std::nullopt) << spec;
    }
  }
}

TEST(PreprocessorTest, IdentityChangesNothing) {
  const RgbImage image = MakePattern(20, 30);
  const absl::StatusOr<PatchSequence> with =
      Parse("identity|to_tensor|identity()|normalize|patchify|identity").Run(image);
  const absl::StatusOr<PatchSequence> without = Parse("to_tensor|normalize|patchify").Run(image);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_TRUE(with->patches_ND.equal(without->patches_ND));
}

TEST(PreprocessorTest, CountTokensEqualsRun) {
  for (const char* spec :
       {"to_tensor|normalize|patchify(16, 100000)", "center_crop(40)|to_tensor|normalize|patchify(16, 9)",
        "resize_longest_side(33)|to_tensor|patchify(8, 25)",
        "resize_longest_side(64)|center_crop(80)|to_tensor|normalize|patchify(7, 999)",
        "flip(1)|to_tensor|normalize|resize_to_token_budget(8, 12)|patchify(8, 12)",
        "to_tensor|resize_to_token_budget(16, 2)|patchify(8, 7)"}) {
    const Preprocessor preprocessor = Parse(spec);
    for (const auto& [height_px, width_px] : {std::pair(1, 1), {16, 16}, {17, 33}, {90, 41}, {3, 200}, {200, 3}}) {
      SCOPED_TRACE(std::string(spec) + " of " + std::to_string(width_px) + " x " + std::to_string(height_px));
      const absl::StatusOr<int64_t> tokens = preprocessor.CountTokens(height_px, width_px);
      const absl::StatusOr<PatchSequence> patches = preprocessor.Run(MakePattern(height_px, width_px));
      ASSERT_EQ(tokens.ok(), patches.ok()) << tokens.status() << patches.status();
      if (!tokens.ok()) {
        EXPECT_EQ(tokens.status(), patches.status());
        continue;
      }
      EXPECT_EQ(*tokens, patches->patches_ND.size(0));
      EXPECT_EQ(*tokens, patches->row_N.size(0));
      EXPECT_EQ(*tokens, patches->geometry.grid_rows * patches->geometry.grid_cols);
    }
  }
}

TEST(PreprocessorTest, RefusesMoreTokensThanAllowed) {
  const Preprocessor preprocessor = Parse("to_tensor|normalize|patchify(16, 11)");
  for (const absl::Status& status :
       {preprocessor.Run(RgbImage(48, 64)).status(), preprocessor.CountTokens(48, 64).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("12 tokens"), HasSubstr("11")));
  }
}

TEST(PreprocessorTest, RefusesEmptyImages) {
  const Preprocessor preprocessor = Parse("to_tensor|normalize|patchify(16, 11)");
  EXPECT_EQ(preprocessor.Run(RgbImage()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(preprocessor.CountTokens(0, 5).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PreprocessorTest, WithoutPatchifyThereAreNoTokens) {
  for (const char* spec : {"", " | ", "to_tensor", "center_crop(16)"}) {
    const Preprocessor preprocessor = Parse(spec);
    EXPECT_EQ(preprocessor.Run(RgbImage(8, 8)).status().code(), absl::StatusCode::kFailedPrecondition) << spec;
    EXPECT_EQ(preprocessor.CountTokens(8, 8).status().code(), absl::StatusCode::kFailedPrecondition) << spec;
    EXPECT_EQ(preprocessor.patch_px(), 0);
  }
}

TEST(PreprocessorTest, ParseErrorsNamePartPositionAndReason) {
  EXPECT_THAT(
      ParseError("to_tensor|normalise|patchify"),
      AllOf(HasSubstr("part 2 \"normalise\""), HasSubstr("position 10"), HasSubstr("unknown operation 'normalise'"),
            HasSubstr("center_crop, flip, identity, normalize, patchify, random_choice, random_resized_crop, "
                      "resize_longest_side, resize_to_token_budget, to_tensor")));
  EXPECT_THAT(ParseError("to_tensor | normalize(sepia)"), AllOf(HasSubstr("part 2"), HasSubstr("'sepia'")));
  EXPECT_THAT(ParseError("center_crop"), HasSubstr("'size' is missing"));
  EXPECT_THAT(ParseError("center_crop(1, 2)"), HasSubstr("at most 1 arguments; was given 2"));
  EXPECT_THAT(ParseError("center_crop(side=1)"), HasSubstr("no argument 'side'"));
  EXPECT_THAT(ParseError("center_crop(1, size=2)"), HasSubstr("'size' of center_crop is given twice"));
  EXPECT_THAT(ParseError("center_crop(2.5)"), HasSubstr("must be an integer"));
  EXPECT_THAT(ParseError("center_crop(True)"), HasSubstr("must be an integer"));
  EXPECT_THAT(ParseError("center_crop(0)"), HasSubstr("[1, 65535]; was 0"));
  EXPECT_THAT(ParseError("resize_longest_side(-3)"), HasSubstr("was -3"));
  EXPECT_THAT(ParseError("to_tensor|patchify(300)"), HasSubstr("patch must be in [1, 256]; was 300"));
  EXPECT_THAT(ParseError("to_tensor|patchify(16, 99999999)"), HasSubstr("was 99999999"));
  EXPECT_THAT(ParseError("to_tensor(3)"), HasSubstr("at most 0 arguments"));
}

TEST(PreprocessorTest, ErrorsOfRandomOperationsNameTheArgument) {
  EXPECT_THAT(ParseError("random_resized_crop"), HasSubstr("'size' is missing"));
  EXPECT_THAT(ParseError("random_resized_crop('8')"), HasSubstr("'size' must be an integer"));
  EXPECT_THAT(ParseError("random_resized_crop((8, 8, 8))"), HasSubstr("(height, width)"));
  EXPECT_THAT(ParseError("random_resized_crop((8, 0))"), HasSubstr("size must be in [1, 65535]; was 0"));
  EXPECT_THAT(ParseError("random_resized_crop(8, scale=0.5)"), HasSubstr("'scale' must be two numbers"));
  EXPECT_THAT(ParseError("random_resized_crop(8, scale=(0.5, 'x'))"), HasSubstr("'scale' must be a number"));
  EXPECT_THAT(ParseError("random_resized_crop(8, scale=(0.5, 0.25))"), HasSubstr("was (0.5, 0.25)"));
  EXPECT_THAT(ParseError("random_resized_crop(8, scale=(-1, 1))"), HasSubstr("scale must be in [0, 100]; was -1"));
  EXPECT_THAT(ParseError("random_resized_crop(8, ratio=(0, 1))"), HasSubstr("ratio must be in [0.001, 1000]; was 0"));
  EXPECT_THAT(ParseError("flip(1.5)"), HasSubstr("p must be in [0, 1]; was 1.5"));
  EXPECT_THAT(ParseError("flip(True)"), HasSubstr("'p' must be a number"));
  EXPECT_THAT(ParseError("to_tensor|resize_to_token_budget(16)"), HasSubstr("'max_tokens' is missing"));
  EXPECT_THAT(ParseError("to_tensor|resize_to_token_budget(0, 5)"), HasSubstr("patch must be in [1, 256]; was 0"));
}

TEST(PreprocessorTest, ErrorsOfChoicesNameTheChoice) {
  EXPECT_THAT(ParseError("random_choice(['flip'])"), HasSubstr("'probs' is missing"));
  EXPECT_THAT(ParseError("random_choice('flip', [1])"), HasSubstr("must be lists"));
  EXPECT_THAT(ParseError("random_choice([], [])"), HasSubstr("were of 0 and 0"));
  EXPECT_THAT(ParseError("random_choice(['flip'], [1, 2])"), HasSubstr("were of 1 and 2"));
  EXPECT_THAT(ParseError("random_choice(['flip', 3], [1, 2])"), HasSubstr("ops[1]: must be an operation in quotes"));
  EXPECT_THAT(ParseError("random_choice(['flip', ''], [1, 2])"), HasSubstr("ops[1]: operation is empty"));
  EXPECT_THAT(ParseError("random_choice(['flip', 'nope'], [1, 2])"),
              AllOf(HasSubstr("part 1"), HasSubstr("ops[1]: unknown operation 'nope'")));
  EXPECT_THAT(ParseError("random_choice(['center_crop(0)'], [1])"), HasSubstr("ops[0]: size must be in"));
  EXPECT_THAT(ParseError("random_choice(['flip', 'identity'], [1, -1])"),
              HasSubstr("probs[1] must be in [0, 1e+09]; was -1"));
  EXPECT_THAT(ParseError("random_choice(['flip', 'identity'], [0, 0.0])"), HasSubstr("all were 0"));
  EXPECT_THAT(ParseError("random_choice(['identity', 'to_tensor'], [1, 1])"),
              AllOf(HasSubstr("ops[0] gives an image"), HasSubstr("ops[1] a tensor")));
  EXPECT_THAT(ParseError("to_tensor|random_choice(['flip', 'center_crop(8)'], [1, 1])"),
              AllOf(HasSubstr("part 2"), HasSubstr("ops[1] takes an image, but gets a tensor")));
  EXPECT_THAT(ParseError("to_tensor|patchify|flip"), HasSubstr("flip takes a tensor, but gets patches"));
}

TEST(PreprocessorTest, RefusesOperationsInAnOrderThatDoesNotFit) {
  EXPECT_THAT(ParseError("patchify|to_tensor"),
              AllOf(HasSubstr("part 1"), HasSubstr("patchify takes a tensor"), HasSubstr("an image")));
  EXPECT_THAT(ParseError("to_tensor|center_crop(8)"), HasSubstr("center_crop takes an image"));
  EXPECT_THAT(ParseError("to_tensor|patchify|normalize"), HasSubstr("but gets patches"));
  EXPECT_THAT(ParseError("to_tensor|to_tensor"), HasSubstr("part 2"));
}

}  // namespace
}  // namespace vitok
