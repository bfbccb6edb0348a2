#include "core/image/decoded_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include <nlohmann/json.hpp>

#include "tests/core/image/corruption.h"
#include "tests/core/image/picture_files.h"
#include "tests/core/image/source/source_fixture.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

class DecodedSourceTest : public testing::Test {
 protected:
  DecodedSourceTest() {
    // Sizes that differ tell the pictures apart.
    for (int i = 0; i < 2; ++i) {
      std::string tar;
      for (int j = 0; j < 6; ++j) {
        const RgbImage image = MakePattern(10 + i, 5 + j);
        tar += MakeTarMember({.name = StrCat(i, "-", j, ".png"), .data = Encode(image, {})}) +
               MakeTarMember({.name = StrCat(i, "-", j, ".cls"), .data = StrCat(j)});
        keys_.push_back(StrCat(i, "-", j));
      }
      if (i == 0) tar += MakeTarMember({.name = "half.png", .data = SmallPicture()});
      WriteBytes(folder_ / StrCat(i, ".tar"), tar + TarEnd());
    }
  }

  std::unique_ptr<ImageSource> OpenShards(bool shuffle) const {
    return Open(folder_ / "{0..1}.tar", {.shuffle = shuffle, .shuffle_samples = 4});
  }

  static std::string Step(DecodedSource& source) {
    const absl::StatusOr<std::optional<DecodedSample>> sample = source.Next();
    if (!sample.ok()) return StrCat("!", absl::StatusCodeToString(sample.status().code()));
    if (!sample->has_value()) return "|";
    const DecodedSample& picture = **sample;
    EXPECT_EQ(picture.image, MakePattern(10 + picture.key[0] - '0', 5 + picture.key[2] - '0')) << picture.key;
    EXPECT_EQ(picture.label, picture.key[2] - '0');
    return picture.key;
  }

  static std::vector<std::string> Steps(DecodedSource& source, int count) {
    std::vector<std::string> steps;
    for (int i = 0; i < count; ++i) steps.push_back(Step(source));
    return steps;
  }

  const TempFolder folder_;
  std::vector<std::string> keys_;
  ThreadPool pool_{"decode", 3};
};

TEST_F(DecodedSourceTest, KeepsTheOrderOfItsSource) {
  DecodedSource source(OpenShards(/*shuffle=*/false), &pool_, {});
  for (int epoch = 0; epoch < 3; ++epoch) {
    EXPECT_EQ(Steps(source, 12), keys_);
    EXPECT_EQ(Step(source), "|");
  }
}

TEST_F(DecodedSourceTest, WithoutOrderEpochsStayApart) {
  DecodedSource source(OpenShards(/*shuffle=*/true), &pool_, {.keep_order = false});
  for (int epoch = 0; epoch < 3; ++epoch) {
    EXPECT_THAT(Steps(source, 12), UnorderedElementsAreArray(keys_));
    EXPECT_EQ(Step(source), "|");
  }
}

TEST_F(DecodedSourceTest, CountsPicturesThatCannotBeDecoded) {
  DecodedSource source(OpenShards(/*shuffle=*/false), &pool_, {});
  Steps(source, 13);
  const SourceStats stats = source.Stats();
  EXPECT_EQ(stats.samples, 12);
  EXPECT_EQ(stats.broken, 1);
  ASSERT_EQ(stats.skipped.size(), 1);
  EXPECT_EQ(stats.skipped[0].path, folder_ / "0.tar/half.png");
}

TEST_F(DecodedSourceTest, PassesOverCorruptPicturesOfEveryKind) {
  constexpr uint32_t kVariants = 8;
  // Names that say nothing of what is in the files.
  constexpr std::array kSuffixes = {".jpg", ".png", ".webp", ".bmp", ".gif"};
  int64_t files = 0;
  for (const PictureFile& file : PictureFiles()) {
    for (uint32_t seed = 0; seed < kVariants; ++seed) {
      const std::string name = StrCat(file.name, "-", seed, kSuffixes[seed % kSuffixes.size()]);
      WriteBytes(folder_ / StrCat("pictures/", name), Corrupt(file, seed));
      ++files;
    }
  }
  WriteBytes(folder_ / "pictures/whole.gif", Encode(MakePattern(3, 4), {}));
  WriteBytes(folder_ / "pictures/empty.jpg", "");
  WriteBytes(folder_ / "pictures/text.png", "<html>404 Not Found</html>");
  DecodedSource source(Open(folder_ / "pictures", {}), &pool_, {.limits = {.max_pixels = 1 << 16}});
  bool whole = false;
  int64_t samples = 0;
  while (true) {
    const absl::StatusOr<std::optional<DecodedSample>> sample = source.Next();
    ASSERT_TRUE(sample.ok()) << sample.status();
    if (!sample->has_value()) break;
    whole = whole || (*sample)->path.ends_with("whole.gif");
    ++samples;
  }
  EXPECT_TRUE(whole);
  const SourceStats stats = source.Stats();
  EXPECT_EQ(stats.samples, samples);
  EXPECT_EQ(stats.samples + stats.broken, files + 3);
  EXPECT_GT(stats.broken, files / 4);
}

TEST_F(DecodedSourceTest, GoesOnAsIfNothingHadHappened) {
  for (const bool shuffle : {false, true}) {
    constexpr int kSteps = 30;
    DecodedSource whole(OpenShards(shuffle), &pool_, {});
    const std::vector<std::string> expected = Steps(whole, kSteps);
    DecodedSource stopped(OpenShards(shuffle), &pool_, {.max_samples = 5});
    for (int steps = 0; steps < kSteps; ++steps) {
      const std::string position = stopped.Position().dump();
      DecodedSource resumed(OpenShards(shuffle), &pool_, {.max_samples = 3});
      const absl::Status status = resumed.Resume(nlohmann::json::parse(position));
      ASSERT_TRUE(status.ok()) << status;
      EXPECT_EQ(resumed.Position(), nlohmann::json::parse(position));
      ASSERT_EQ(Steps(resumed, kSteps - steps), std::vector(expected.begin() + steps, expected.end())) << position;
      ASSERT_EQ(Step(stopped), expected[steps]);
    }
  }
}

TEST_F(DecodedSourceTest, WithoutOrderNoSampleIsLostOrComesTwice) {
  for (int steps = 0; steps < 13; ++steps) {
    DecodedSource stopped(OpenShards(/*shuffle=*/true), &pool_, {.keep_order = false});
    std::vector<std::string> keys = Steps(stopped, steps);
    DecodedSource resumed(OpenShards(/*shuffle=*/true), &pool_, {.keep_order = false});
    ASSERT_TRUE(resumed.Resume(stopped.Position()).ok());
    for (const std::string& key : Steps(resumed, 13 - steps)) keys.push_back(key);
    std::vector<std::string> expected = keys_;
    expected.push_back("|");
    EXPECT_THAT(keys, UnorderedElementsAreArray(expected));
  }
}

TEST_F(DecodedSourceTest, ErrorsComeInTheirPlaceAndSurviveAResumption) {
  WriteBytes(folder_ / "1.tar", std::string(2000, 'x'));
  std::vector<std::string> expected(keys_.begin(), keys_.begin() + 6);
  expected.insert(expected.end(), {"!DATA_LOSS", "|"});
  DecodedSource stopped(OpenShards(/*shuffle=*/false), &pool_, {});
  for (int steps = 0; steps < 8; ++steps) {
    DecodedSource resumed(OpenShards(/*shuffle=*/false), &pool_, {});
    ASSERT_TRUE(resumed.Resume(stopped.Position()).ok());
    ASSERT_EQ(Steps(resumed, 8 - steps), std::vector(expected.begin() + steps, expected.end()));
    ASSERT_EQ(Step(stopped), expected[steps]);
  }
}

TEST_F(DecodedSourceTest, ASampleAboveTheBoundsGoesAlone) {
  DecodedSource source(OpenShards(/*shuffle=*/false), &pool_, {.max_bytes = 1});
  EXPECT_EQ(Steps(source, 12), keys_);
}

TEST_F(DecodedSourceTest, RefusesDamagedPositions) {
  DecodedSource source(OpenShards(/*shuffle=*/false), &pool_, {});
  const nlohmann::json position = source.Position();
  for (const nlohmann::json& ahead : {nlohmann::json(1), nlohmann::json({1}), nlohmann::json({{1, 2}}),
                                      nlohmann::json({{1, 2, "x"}}), nlohmann::json({{"x", "y"}})}) {
    nlohmann::json changed = position;
    changed["ahead"] = ahead;
    EXPECT_FALSE(source.Resume(changed).ok()) << ahead;
  }
  EXPECT_FALSE(source.Resume({}).ok());
  EXPECT_FALSE(source.Resume({{"ahead", nlohmann::json::array()}}).ok());
  // A sample that is not there is an error in its place.
  nlohmann::json wrong = position;
  wrong["ahead"] = nlohmann::json::array({nlohmann::json::array({0, 7, 0})});
  ASSERT_TRUE(source.Resume(wrong).ok());
  EXPECT_THAT(Steps(source, 2), ElementsAre("!INVALID_ARGUMENT", "0-0"));
}

TEST_F(DecodedSourceTest, CanGoAwayAtAnyTime) {
  for (int steps = 0; steps < 15; ++steps) {
    DecodedSource source(OpenShards(/*shuffle=*/true), &pool_, {.max_samples = 4});
    Steps(source, steps);
  }
}

}  // namespace
}  // namespace vitok
