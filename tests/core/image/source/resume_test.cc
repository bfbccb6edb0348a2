// Sources that are stopped and go on elsewhere, at every position, in every mode.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/core/image/source/source_fixture.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using testing::HasSubstr;

struct Mode {
  const char* name;
  const char* data;  // within the folder of the data sets
  ImageSourceOptions options;
};

void PrintTo(const Mode& mode, std::ostream* stream) { *stream << mode.name; }

ImageSourceOptions Small(ImageSourceOptions options) {
  options.seed = 11;
  options.shuffle_samples = 6;
  options.shuffle_initial = 3;
  return options;
}

class ResumeTest : public testing::TestWithParam<Mode> {
 protected:
  ResumeTest() {
    for (int i = 0; i < 3; ++i)
      WriteBytes(folder_ / StrCat("shard-", i, ".tar"), MakeShard(StrCat("s", i, "/"), 4 + i));
    for (int i = 0; i < 11; ++i) WriteBytes(folder_ / StrCat("pictures/", i, ".png"), SmallPicture());
    WriteBytes(folder_ / "pictures/broken.png", "no picture");
    for (int i = 0; i < 3; ++i) {
      WriteBytes(folder_ / StrCat("rows-", i, ".parquet"), MakeParquetShard(StrCat("r", i, "/"), 4 + 3 * i));
    }
    // Two of three groups of rows, and rows to pass over.
    std::string parquet = MakeParquetShard("d", 12);
    parquet.replace(parquet.size() * 4 / 10, 100, 100, '\xFF');
    WriteBytes(folder_ / "damaged-rows/a.parquet", parquet);
    WriteBytes(folder_ / "damaged-rows/b.parquet", MakeParquet({{std::nullopt, "x.png", 1},
                                                                {"no picture", "y.png", 2},
                                                                {SmallPicture(), "b0.png", 3},
                                                                {SmallPicture(), "", 4}}));
    // A shard whose second half is gone, and one with samples to pass over.
    const std::string shard = MakeShard("d", 4);
    WriteBytes(folder_ / "damaged/a.tar", shard.substr(0, 512 * 9 + 100));
    WriteBytes(folder_ / "damaged/b.tar", MakeTarMember({.name = "x.txt", .data = "no picture"}) +
                                              MakeTarMember({.name = "y.png", .data = ""}) + MakeShard("b", 3));
  }

  std::string Name(const Mode& mode) const {
    std::string name;
    for (const char* c = mode.data; *c != '\0'; ++c) name += *c == '@' ? folder_ / "" : std::string(1, *c);
    return name;
  }

  const TempFolder folder_;
};

TEST_P(ResumeTest, GoesOnAsIfNothingHadHappened) {
  const std::string name = Name(GetParam());
  constexpr int kSteps = 45;  // two epochs and more
  const std::vector<std::string> expected = Steps(*Open(name, GetParam().options), kSteps);
  const auto stopped = Open(name, GetParam().options);
  for (int steps = 0; steps < kSteps; ++steps) {
    const std::string position = stopped->Position().dump();
    const auto resumed = Open(name, GetParam().options);
    const absl::Status status = resumed->Resume(nlohmann::json::parse(position));
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(Steps(*resumed, kSteps - steps), std::vector(expected.begin() + steps, expected.end()))
        << "after " << steps << " steps, at " << position;
    ASSERT_EQ(Step(*stopped), expected[steps]) << "taking the position changed what comes";
  }
}

TEST_P(ResumeTest, FetchesWhatItGave) {
  const auto source = Open(Name(GetParam()), GetParam().options);
  for (int i = 0; i < 30; ++i) {
    const absl::StatusOr<std::optional<ImageSample>> sample = source->Next();
    if (!sample.ok() || !sample->has_value()) continue;
    const absl::StatusOr<ImageSample> again = source->Fetch((*sample)->ref);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->key, (*sample)->key);
    EXPECT_EQ(again->bytes, (*sample)->bytes);
    EXPECT_EQ(again->label, (*sample)->label);
    EXPECT_EQ(again->path, (*sample)->path);
    EXPECT_EQ(again->ref, (*sample)->ref);
    EXPECT_EQ(again->header.width_px, (*sample)->header.width_px);
  }
}

TEST_P(ResumeTest, RefusesAPositionOfOtherData) {
  const std::string name = Name(GetParam());
  const nlohmann::json position = Open(name, GetParam().options)->Position();
  ImageSourceOptions options = GetParam().options;
  ++options.seed;
  const absl::Status status = Open(name, options)->Resume(position);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'seed' is 11 there and 12 here"));
}

TEST_P(ResumeTest, RefusesDamagedPositionsAndStaysWhereItWas) {
  const auto source = Open(Name(GetParam()), GetParam().options);
  const auto expected = Steps(*Open(Name(GetParam()), GetParam().options), 10);
  const nlohmann::json position = source->Position();
  for (const auto& [name, value] : position.items()) {
    for (const nlohmann::json& wrong : {nlohmann::json(-1), nlohmann::json("x"), nlohmann::json()}) {
      nlohmann::json changed = position;
      changed[name] = wrong;
      EXPECT_FALSE(source->Resume(changed).ok()) << changed;
    }
    nlohmann::json without = position;
    without.erase(name);
    EXPECT_FALSE(source->Resume(without).ok()) << without;
  }
  EXPECT_FALSE(source->Resume({}).ok());
  EXPECT_EQ(Steps(*source, 10), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Modes, ResumeTest,
    testing::Values(Mode{"Folder", "@pictures", Small({})},
                    Mode{"FolderReshuffled", "@pictures", Small({.reshuffle = true})},
                    Mode{"FolderInOrder", "@pictures", Small({.shuffle = false})},
                    Mode{"FolderShare", "@pictures", Small({.rank = 1, .num_ranks = 2})},
                    Mode{"Shards", "@shard-{0..2}.tar", Small({})},
                    Mode{"ShardsInOrder", "@shard-*.tar", Small({.shuffle = false})},
                    Mode{"ShardsOfOneRank", "@shard-{0..2}.tar", Small({.rank = 1, .num_ranks = 2})},
                    Mode{"SamplesOfOneRank", "@shard-{0..2}.tar", Small({.rank = 3, .num_ranks = 5})},
                    Mode{"Resampled", "@shard-{0..2}.tar", Small({.resampled = true})},
                    Mode{"Damaged", "@damaged", Small({})}, Mode{"Parquet", "@rows-*.parquet", Small({})},
                    Mode{"ParquetInOrder", "@rows-{0..2}.parquet", Small({.shuffle = false})},
                    Mode{"ParquetOfOneRank", "@rows-{0..2}.parquet", Small({.rank = 1, .num_ranks = 2})},
                    Mode{"RowsOfOneRank", "@rows-{0..2}.parquet", Small({.rank = 3, .num_ranks = 5})},
                    Mode{"ParquetResampled", "@rows-{0..2}.parquet", Small({.resampled = true})},
                    Mode{"DamagedParquet", "@damaged-rows", Small({})},
                    Mode{"ParquetAndTar", "@rows-{0..1}.parquet,@shard-*.tar", Small({})},
                    Mode{"MixOfThree", "@rows-*.parquet=0.5,@pictures=0.3,@shard-2.tar=0.2", Small({})},
                    Mode{"Mix", "@shard-{0..1}.tar=0.6,@pictures=0.3,@shard-2.tar=0.1", Small({})}),
    [](const testing::TestParamInfo<Mode>& info) { return info.param.name; });

}  // namespace
}  // namespace vitok
