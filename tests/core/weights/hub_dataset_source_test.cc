// Shards of the hub and shards of this machine, read by the same image source.
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "core/image/image_source.h"
#include "core/weights/hub_dataset_sets.h"
#include "tests/core/image/source/parquet_bytes.h"
#include "tests/core/image/source/source_fixture.h"
#include "tests/core/weights/hub_dataset_fixture.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

class HubDatasetSourceTest : public HubDatasetTest {
 protected:
  static constexpr int kShards = 4;
  static constexpr char kPattern[] = "hf://org/shards@v1/train/{0000..0003}.tar";

  HubDatasetSourceTest() {
    std::filesystem::create_directory(folder_ / "train");
    FakeHub::Files files;
    for (int i = 0; i < kShards; ++i) {
      const std::string name = StrCat("train/000", i, ".tar");
      // Members of several sizes, so that what is passed over is sometimes there and sometimes not.
      std::string tar;
      for (int k = 0; k < 30; ++k) {
        tar += MakeTarMember({.name = StrCat(i, "_", k, ".png"), .data = SmallPicture() + TestBytes(3'001 * k, k)}) +
               MakeTarMember({.name = StrCat(i, "_", k, ".json"), .data = TestBytes(20'000, k)}) +
               MakeTarMember({.name = StrCat(i, "_", k, ".cls"), .data = StrCat(k)});
      }
      files[name] = tar + TarEnd();
      WriteBytes(folder_ / name, files[name]);
    }
    hub_.AddCommit("datasets/org/shards", "v1", files);
  }

  ImageSourceOptions Options(bool shuffle) {
    return {.seed = 5, .shuffle = shuffle, .shuffle_samples = 20, .openers = {{kHubScheme, openers().stream}}};
  }

  TempFolder folder_;
};

TEST_F(HubDatasetSourceTest, GiveTheSameSamples) {
  for (const bool shuffle : {false, true}) {
    const auto local = Open(folder_ / "train/{0000..0003}.tar", Options(shuffle));
    const auto remote = Open(kPattern, Options(shuffle));
    for (int i = 0; i < 2 * (kShards * 30 + 1); ++i) {
      const auto expected = local->Next(), sample = remote->Next();
      ASSERT_TRUE(expected.ok() && sample.ok()) << sample.status();
      ASSERT_EQ(sample->has_value(), expected->has_value());
      if (!sample->has_value()) continue;
      EXPECT_EQ((*sample)->key, (*expected)->key);
      EXPECT_EQ((*sample)->label, (*expected)->label);
      EXPECT_EQ((*sample)->ref, (*expected)->ref);
      EXPECT_TRUE((*sample)->bytes == (*expected)->bytes);
    }
  }
}

TEST_F(HubDatasetSourceTest, GoOnAtAPosition) {
  const auto first = Open(kPattern, Options(true));
  Steps(*first, 50);
  const auto second = Open(kPattern, Options(true));
  const absl::Status status = second->Resume(first->Position());
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Steps(*second, 90), Steps(*first, 90));
}

TEST_F(HubDatasetSourceTest, ComeWholeOverABadNetwork) {
  hub_.on_content = [](const httplib::Request&, httplib::Response& response, int count) {
    if (count % 3 == 0) return false;
    response.status = 503;
    return true;
  };
  ImageSourceOptions options = Options(false);
  EXPECT_EQ(Epoch(*Open(kPattern, options)), Epoch(*Open(folder_ / "train/{0000..0003}.tar", options)));
  EXPECT_FALSE(slept().empty());
}

TEST_F(HubDatasetSourceTest, PicturesOfASplitAreThoseOfItsParquetFiles) {
  std::vector<std::string> pictures;
  FakeHub::Files files;
  for (int i = 0; i < 2; ++i) {
    std::vector<RowOfParquet> rows;
    for (int k = 0; k < 9; ++k) {
      pictures.push_back(SmallPicture() + TestBytes(3'001 * k, i));
      rows.push_back({pictures.back(), StrCat(i, "_", k, ".png"), k});
    }
    files[StrCat("default/train/000", i, ".parquet")] = MakeParquet(rows, {.picture_column = "img"});
  }
  hub_.AddCommit("datasets/org/tables", "refs/convert/parquet", files);
  hub_.SetParquetList("org/tables", R"({"default": {"train": [
      "https://hub.example/api/datasets/org/tables/parquet/default/train/0.parquet",
      "https://hub.example/api/datasets/org/tables/parquet/default/train/1.parquet"]}})");
  const auto names = ListHubParquetFiles("org/tables", "", "train", options_);
  ASSERT_TRUE(names.ok()) << names.status();

  ImageSourceOptions options = Options(false);
  options.file_openers[kHubScheme] = openers().file;
  options.picture_column = "img";
  const auto source = Open(absl::StrJoin(*names, ","), options);
  for (const std::string& picture : pictures) {
    const auto sample = source->Next();
    ASSERT_TRUE(sample.ok()) << sample.status();
    ASSERT_TRUE(sample->has_value());
    EXPECT_TRUE((*sample)->bytes == picture) << (*sample)->path;
  }
  EXPECT_EQ(Step(*source), "|");
}

TEST_F(HubDatasetSourceTest, ShardThatIsMissingOrNotToBeReadIsPassedWithItsName) {
  const auto source = Open("hf://org/shards@v1/train/{0003..0004}.tar", Options(false));
  EXPECT_EQ(Steps(*source, 30).back(), "3_29");
  const absl::Status status = source->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), testing::StartsWith("hf://org/shards@v1/train/0004.tar: "));
  EXPECT_EQ(Step(*source), "|");
}

}  // namespace
}  // namespace vitok
