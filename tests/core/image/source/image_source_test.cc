#include "core/image/image_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "tests/core/image/source/source_fixture.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// A sample by its key, from the rest of an epoch.
std::map<std::string, ImageSample> Samples(ImageSource& source) {
  std::map<std::string, ImageSample> samples;
  while (true) {
    absl::StatusOr<std::optional<ImageSample>> sample = source.Next();
    if (!sample.ok()) throw std::runtime_error(sample.status().ToString());
    if (!sample->has_value()) return samples;
    samples[(*sample)->key] = **sample;
  }
}

class ImageSourceTest : public testing::Test {
 protected:
  void WriteShards(int count, int samples) {
    for (int i = 0; i < count; ++i) {
      WriteBytes(folder_ / StrCat("s-", i, ".tar"), MakeShard(StrCat(i, "-"), samples, 10 * i));
      for (int j = 0; j < samples; ++j) all_.push_back(StrCat(i, "-", j));
    }
  }

  const TempFolder folder_;
  std::vector<std::string> all_;
};

TEST_F(ImageSourceTest, EverySampleComesOnceAnEpochOnOneRankAndWorker) {
  WriteShards(5, 7);
  for (int i = 0; i < 13; ++i) WriteBytes(folder_ / StrCat("pictures/p", i, ".png"), SmallPicture());
  std::vector<std::string> pictures;
  for (int i = 0; i < 13; ++i) pictures.push_back(StrCat("p", i));
  for (const auto& [num_ranks, num_workers] : {std::pair(1, 1), {2, 1}, {1, 3}, {2, 2}, {5, 1}, {3, 4}, {50, 1}}) {
    for (const bool shuffle : {true, false}) {
      SCOPED_TRACE(StrCat(num_ranks, " ranks, ", num_workers, " workers, shuffle ", shuffle));
      std::vector<std::string> shard_keys, picture_keys;
      for (int share = 0; share < num_ranks * num_workers; ++share) {
        const ImageSourceOptions options = {.seed = 3,
                                            .shuffle = shuffle,
                                            .shuffle_samples = 4,
                                            .rank = share / num_workers,
                                            .num_ranks = num_ranks,
                                            .worker = share % num_workers,
                                            .num_workers = num_workers};
        const std::vector<std::string> of_shards = Epoch(*Open(folder_ / "s-*.tar", options));
        shard_keys.insert(shard_keys.end(), of_shards.begin(), of_shards.end());
        const std::vector<std::string> of_folder = Epoch(*Open(folder_ / "pictures", options));
        picture_keys.insert(picture_keys.end(), of_folder.begin(), of_folder.end());
      }
      EXPECT_THAT(shard_keys, UnorderedElementsAreArray(all_));
      EXPECT_THAT(picture_keys, UnorderedElementsAreArray(pictures));
    }
  }
}

TEST_F(ImageSourceTest, OrderDependsOnSeedAndEpochAlone) {
  WriteShards(6, 5);
  const std::string name = folder_ / "s-*.tar";
  const auto source = Open(name, {.seed = 1}), same = Open(name, {.seed = 1}), other = Open(name, {.seed = 2});
  const std::vector<std::string> first = Epoch(*source), second = Epoch(*source);
  EXPECT_EQ(Epoch(*same), first);
  EXPECT_EQ(Epoch(*same), second);
  EXPECT_NE(first, second);
  EXPECT_NE(first, all_);
  EXPECT_NE(Epoch(*other), first);
  EXPECT_THAT(second, UnorderedElementsAreArray(all_));
  EXPECT_EQ(Epoch(*Open(name, {.shuffle = false})), all_);
}

TEST_F(ImageSourceTest, FoldersAreShuffledAnewOnlyIfAsked) {
  for (int i = 0; i < 20; ++i) WriteBytes(folder_ / StrCat("p", i, ".png"), SmallPicture());
  const auto fixed = Open(folder_ / "", {}), anew = Open(folder_ / "", {.reshuffle = true});
  const std::vector<std::string> first = Epoch(*fixed);
  EXPECT_EQ(Epoch(*fixed), first);
  EXPECT_EQ(Epoch(*anew), first);
  EXPECT_NE(Epoch(*anew), first);
}

TEST_F(ImageSourceTest, DrawsShardsWithReplacementWithoutEnd) {
  WriteShards(4, 3);
  const std::string name = folder_ / "s-{0..3}.tar";
  const ImageSourceOptions options = {.seed = 5, .shuffle_samples = 1, .resampled = true};
  const std::vector<std::string> steps = Steps(*Open(name, options), 1200);
  EXPECT_EQ(Steps(*Open(name, options), 1200), steps);
  std::map<std::string, int> counts;
  for (const std::string& key : steps) ++counts[key];
  EXPECT_EQ(counts.size(), all_.size());
  // 400 draws of 4 shards: three standard deviations are 26.
  for (const auto& [key, count] : counts) EXPECT_NEAR(count, 100, 26) << key;
  ImageSourceOptions other_rank = options;
  other_rank.rank = 1;
  other_rank.num_ranks = 2;
  EXPECT_NE(Steps(*Open(name, other_rank), 1200), steps);
}

TEST_F(ImageSourceTest, MixesByWeight) {
  WriteShards(2, 50);
  for (int i = 0; i < 30; ++i) WriteBytes(folder_ / StrCat("pictures/p", i, ".png"), SmallPicture());
  const auto mix = Open(StrCat(folder_ / "s-*.tar", "=3,", folder_ / "pictures", "=1"), {.seed = 7});
  std::map<std::string, int> counts;
  int pictures = 0;
  constexpr int kDraws = 4000;
  for (const std::string& key : Steps(*mix, kDraws)) {
    ++counts[key];
    pictures += key.starts_with("p") ? 1 : 0;
  }
  EXPECT_NEAR(pictures, kDraws / 4, 82) << "three standard deviations";
  // Each part gives every sample once before it gives one again.
  int min_picture = kDraws, max_picture = 0;
  for (const auto& [key, count] : counts) {
    if (!key.starts_with("p")) continue;
    min_picture = std::min(min_picture, count);
    max_picture = std::max(max_picture, count);
  }
  EXPECT_EQ(counts.size(), 130);
  EXPECT_LE(max_picture - min_picture, 1);
}

TEST_F(ImageSourceTest, ReadsLabels) {
  const auto picture = [](const std::string& name) {
    return MakeTarMember({.name = name + ".png", .data = SmallPicture()});
  };
  WriteBytes(folder_ / "a.tar", picture("zero") + MakeTarMember({.name = "zero.cls", .data = "0"}) + picture("text") +
                                    MakeTarMember({.name = "text.cls.txt", .data = " 12\n"}) + picture("none") +
                                    picture("blank") + MakeTarMember({.name = "blank.cls", .data = " "}) +
                                    picture("both") + MakeTarMember({.name = "both.cls.txt", .data = "1"}) +
                                    MakeTarMember({.name = "both.cls", .data = "2"}) + picture("wrong") +
                                    MakeTarMember({.name = "wrong.cls", .data = "cat"}) + TarEnd());
  const auto source = Open(folder_ / "a.tar", {});
  std::map<std::string, int64_t> labels;
  for (const auto& [key, sample] : Samples(*source)) labels[key] = sample.label;
  EXPECT_EQ(labels,
            (std::map<std::string, int64_t>{{"zero", 0}, {"text", 12}, {"none", -1}, {"blank", -1}, {"both", 2}}));
  const SourceStats stats = source->Stats();
  EXPECT_EQ(stats.broken, 1);
  ASSERT_EQ(stats.skipped.size(), 1);
  EXPECT_THAT(stats.skipped[0].reason, AllOf(HasSubstr("wrong.cls"), HasSubstr("'cat'")));
}

TEST_F(ImageSourceTest, TakesTheFirstKindOfPictureOfASample) {
  WriteBytes(folder_ / "a.tar", MakeTarMember({.name = "a.png", .data = SmallPicture(5, 5)}) +
                                    MakeTarMember({.name = "a.JPG", .data = SmallPicture(6, 6)}) +
                                    MakeTarMember({.name = "a.webp", .data = SmallPicture(7, 7)}) +
                                    MakeTarMember({.name = "a.seg.png", .data = SmallPicture(8, 8)}) + TarEnd());
  const auto samples = Samples(*Open(folder_ / "a.tar", {}));
  ASSERT_EQ(samples.size(), 1);
  EXPECT_EQ(samples.at("a").header.width_px, 6);
  EXPECT_EQ(samples.at("a").path, folder_ / "a.tar/a.JPG");
}

TEST_F(ImageSourceTest, CountsAndListsWhatItPassesOver) {
  WriteBytes(folder_ / "a.tar", MakeTarMember({.name = "ok.png", .data = SmallPicture(64, 48)}) +
                                    MakeTarMember({.name = "small.png", .data = SmallPicture(64, 47)}) +
                                    MakeTarMember({.name = "no.json", .data = "{}"}) +
                                    MakeTarMember({.name = "empty.png", .data = ""}) +
                                    MakeTarMember({.name = "text.jpg", .data = "not a picture"}) +
                                    MakeTarMember({.name = "__meta__/x.png", .data = SmallPicture(64, 64)}) +
                                    MakeTarMember({.name = "README", .data = "of no sample"}) + TarEnd());
  const auto source = Open(folder_ / "a.tar", {.min_side_px = 48});
  EXPECT_THAT(Epoch(*source), ElementsAre("ok"));
  const SourceStats stats = source->Stats();
  EXPECT_EQ(stats.samples, 1);
  EXPECT_EQ(stats.bytes, SmallPicture(64, 48).size());
  EXPECT_EQ(stats.too_small, 1);
  EXPECT_EQ(stats.without_picture, 1);
  EXPECT_EQ(stats.broken, 2);
  ASSERT_EQ(stats.skipped.size(), 3);
  EXPECT_EQ(stats.skipped[1].path, folder_ / "a.tar/empty.png");
  EXPECT_THAT(stats.skipped[1].reason, HasSubstr("0 bytes"));
}

TEST_F(ImageSourceTest, BrokenFilesOfAFolderAreListedUpToABound) {
  for (int i = 0; i < 150; ++i) WriteBytes(folder_ / StrCat("x", i, ".jpg"), "broken");
  WriteBytes(folder_ / "large.png", SmallPicture() + std::string(2000, ' '));
  WriteBytes(folder_ / "good.png", SmallPicture());
  const auto source = Open(folder_ / "", {.max_file_bytes = 1000});
  EXPECT_THAT(Epoch(*source), ElementsAre("good"));
  EXPECT_EQ(source->Stats().broken, 151);
  EXPECT_EQ(source->Stats().skipped.size(), kMaxListedSkips);
}

TEST_F(ImageSourceTest, FilesThatVanishAreBroken) {
  for (const char* name : {"a.png", "b.png"}) WriteBytes(folder_ / name, SmallPicture());
  const auto source = Open(folder_ / "", {});
  std::filesystem::remove(folder_ / "a.png");
  EXPECT_THAT(Epoch(*source), ElementsAre("b"));
  EXPECT_THAT(source->Stats().skipped.at(0).reason, HasSubstr("No such file"));
}

TEST_F(ImageSourceTest, AMissingShardIsAnErrorThatNamesIt) {
  EXPECT_THAT(Message(OpenImageSource(folder_ / "no.tar", {}).status()), HasSubstr(folder_ / "no.tar"));
  EXPECT_THAT(Message(OpenImageSource(folder_ / "no-*.tar", {}).status()), HasSubstr(folder_ / "no-*.tar"));
  WriteShards(3, 2);
  const auto source = Open(folder_ / "s-{0..2}.tar", {.shuffle = false});
  std::filesystem::remove(folder_ / "s-1.tar");
  EXPECT_THAT(Steps(*source, 2), ElementsAre("0-0", "0-1"));
  const absl::Status missing = source->Next().status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(missing), HasSubstr(folder_ / "s-1.tar"));
  // Who wants to go on, can.
  EXPECT_THAT(Steps(*source, 3), ElementsAre("2-0", "2-1", "|"));
}

TEST_F(ImageSourceTest, NothingToGiveEndsInAnError) {
  WriteBytes(folder_ / "a.tar", MakeTarMember({.name = "a.txt", .data = "text"}) + TarEnd());
  EXPECT_THAT(Steps(*Open(folder_ / "a.tar", {}), 3), ElementsAre("|", "!FAILED_PRECONDITION", "!FAILED_PRECONDITION"));
  EXPECT_EQ(Step(*Open(folder_ / "a.tar", {.resampled = true})), "!FAILED_PRECONDITION");
  EXPECT_EQ(Step(*Open(folder_ / "a.tar=2", {})), "!FAILED_PRECONDITION");
  WriteBytes(folder_ / "pictures/a.png", "broken");
  const auto pictures = Open(folder_ / "pictures", {});
  EXPECT_EQ(Step(*pictures), "|");
  EXPECT_THAT(Message(pictures->Next().status()), AllOf(HasSubstr("2 broken"), HasSubstr("pictures/a.png")));
}

TEST_F(ImageSourceTest, FindsOutWhatAFolderHolds) {
  EXPECT_THAT(Message(OpenImageSource(folder_ / "", {}).status()), HasSubstr("holds no pictures"));
  WriteBytes(folder_ / "class/a.png", SmallPicture());
  EXPECT_THAT(Epoch(*Open(folder_ / "", {})), ElementsAre("class/a")) << "folders of classes";
  WriteBytes(folder_ / "x.tar", MakeShard("s", 1));
  EXPECT_THAT(Epoch(*Open(folder_ / "", {})), ElementsAre("s0")) << "shards, if there are any";
  const absl::Status both = OpenImageSource(StrCat(folder_ / "class", ",", folder_ / "x.tar"), {}).status();
  EXPECT_EQ(both.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(both), HasSubstr("give weights"));
  WriteBytes(folder_ / "other/b.png", SmallPicture());
  EXPECT_THAT(Epoch(*Open(folder_ / "{class,other}", {.shuffle = false})), ElementsAre("a", "b"));
}

TEST_F(ImageSourceTest, OpensUrlsByTheirScheme) {
  WriteShards(2, 3);
  const std::string folder = folder_ / "";
  const StreamOpener opener = [&](const std::string& name, int64_t offset) {
    return OpenFileStream(folder + name.substr(std::string("memory://").size()), offset);
  };
  EXPECT_THAT(Epoch(*Open("memory://s-{0..1}.tar", {.openers = {{"memory", opener}}})),
              UnorderedElementsAreArray(all_));
  const absl::Status unknown = Open("hf://org/repo/s-0.tar", {})->Next().status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(Message(unknown), HasSubstr("hf://"));
}

TEST_F(ImageSourceTest, BufferIsBoundedInSamplesAndBytes) {
  WriteShards(1, 40);
  const std::string name = folder_ / "s-0.tar";
  // How far a sample can move ahead is what the buffer holds.
  const auto lead = [&](const ImageSourceOptions& options) {
    const std::vector<std::string> keys = Epoch(*Open(name, options));
    int most = 0;
    for (int i = 0; i < static_cast<int>(keys.size()); ++i) most = std::max(most, std::stoi(keys[i].substr(2)) - i);
    return most;
  };
  EXPECT_EQ(lead({.shuffle_samples = 1}), 0);
  EXPECT_LT(lead({.shuffle_samples = 4}), 4);
  EXPECT_GT(lead({.shuffle_samples = 40}), 4);
  EXPECT_LT(lead({.shuffle_bytes = static_cast<int64_t>(3 * SmallPicture().size())}), 4);
}

TEST_F(ImageSourceTest, RefusesOptionsOutOfRange) {
  WriteShards(1, 1);
  const auto refusal = [&](const ImageSourceOptions& options) {
    return Message(OpenImageSource(folder_ / "s-0.tar", options).status());
  };
  EXPECT_THAT(refusal({.shuffle_samples = 0}), HasSubstr("shuffle_samples must be in [1, 2147483647]; was 0"));
  EXPECT_THAT(refusal({.rank = 2, .num_ranks = 2}), HasSubstr("rank must be in [0, 1]; was 2"));
  EXPECT_THAT(refusal({.worker = -1}), HasSubstr("worker must be in [0, 0]; was -1"));
  EXPECT_THAT(refusal({.min_side_px = -1}), HasSubstr("min_side_px"));
  EXPECT_THAT(refusal({.max_file_bytes = 0}), HasSubstr("max_file_bytes"));
}

}  // namespace
}  // namespace vitok
