// Parquet files as data sets. What shards have in common is tested with tar archives (image_source_test.cc) and, at
// every position, in resume_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/image/image_source.h"
#include "tests/core/image/source/source_fixture.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

// The rest of an epoch.
std::vector<ImageSample> Samples(ImageSource& source) {
  std::vector<ImageSample> samples;
  while (true) {
    absl::StatusOr<std::optional<ImageSample>> sample = source.Next();
    if (!sample.ok()) throw std::runtime_error(sample.status().ToString());
    if (!sample->has_value()) return samples;
    samples.push_back(**std::move(sample));
  }
}

std::vector<int64_t> Labels(ImageSource& source) {
  std::vector<int64_t> labels;
  for (const ImageSample& sample : Samples(source)) labels.push_back(sample.label);
  return labels;
}

// Pictures that differ in size and content.
std::vector<RowOfParquet> SomeRows(int count) {
  std::vector<RowOfParquet> rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back({SmallPicture(4 + i) + std::string(37 * i % 100, static_cast<char>('a' + i)),
                    StrCat("class.", i % 3, "/", i, ".x.png"), 100 + i});
  }
  return rows;
}

class ParquetSourceTest : public testing::Test {
 protected:
  std::unique_ptr<ImageSource> OpenRows(const std::vector<RowOfParquet>& rows, const ParquetShape& shape = {},
                                        ImageSourceOptions options = {}) const {
    options.shuffle = false;
    return Open(WriteBytes(folder_ / "a.parquet", MakeParquet(rows, shape)), options);
  }

  const TempFolder folder_;
};

TEST_F(ParquetSourceTest, GivesRowsByteForByteHoweverTheyAreLaidOut) {
  const std::vector<RowOfParquet> rows = SomeRows(11);
  for (const int rows_per_group : {1, 3, 8, 100}) {
    for (const int rows_per_page : {1, 2, 5, 100}) {
      for (const bool structs : {true, false}) {
        SCOPED_TRACE(StrCat(rows_per_group, " rows a group, ", rows_per_page, " a page, structs ", structs));
        const auto source =
            OpenRows(rows, {.structs = structs, .rows_per_group = rows_per_group, .rows_per_page = rows_per_page});
        const std::vector<ImageSample> samples = Samples(*source);
        ASSERT_EQ(samples.size(), rows.size());
        for (size_t i = 0; i < rows.size(); ++i) {
          EXPECT_EQ(samples[i].bytes, rows[i].picture);
          EXPECT_EQ(samples[i].header.height_px, 4 + i);
          EXPECT_EQ(samples[i].label, rows[i].label);
          EXPECT_EQ(samples[i].key, structs ? StrCat("class.", i % 3, "/", i, ".x") : StrCat(i));
          EXPECT_EQ(samples[i].path,
                    StrCat(folder_ / "a.parquet", "/row ", i, structs ? ": " + rows[i].path : std::string()));
          EXPECT_EQ(samples[i].ref, (SampleRef{.offset = static_cast<int64_t>(i)}));
        }
      }
    }
  }
}

TEST_F(ParquetSourceTest, FetchesAnyRow) {
  const std::vector<RowOfParquet> rows = SomeRows(23);
  const auto source = OpenRows(rows, {.rows_per_group = 10, .rows_per_page = 3});
  for (int64_t row = 22; row >= 0; --row) {
    const absl::StatusOr<ImageSample> sample = source->Fetch({.offset = row});
    ASSERT_TRUE(sample.ok()) << sample.status();
    EXPECT_EQ(sample->bytes, rows[row].picture);
    EXPECT_EQ(sample->label, rows[row].label);
  }
  EXPECT_EQ(source->Fetch({.offset = 23}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(source->Fetch({.file = 1}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ParquetSourceTest, ReadsLabelsOfEveryKind) {
  using Label = ParquetShape::Label;
  const auto labels = [&](const ParquetShape& shape, std::optional<int64_t> first) {
    return Labels(*OpenRows({{SmallPicture(), "a.png", first}, {SmallPicture(), "b.png", std::nullopt}}, shape));
  };
  EXPECT_THAT(labels({.label = Label::kInt64}, -5), ElementsAre(-5, kNoLabel));
  EXPECT_THAT(labels({.label = Label::kInt32}, -5), ElementsAre(-5, kNoLabel));
  EXPECT_THAT(labels({.label = Label::kUint32}, 0xFFFFFFFF), ElementsAre(0xFFFFFFFF, kNoLabel));
  EXPECT_THAT(labels({.label = Label::kUint64}, 7), ElementsAre(7, kNoLabel));
  EXPECT_THAT(labels({.label = Label::kDate}, 7), ElementsAre(kNoLabel, kNoLabel)) << "no integer";
  for (const char* name : {"label", "labels", "cls"}) {
    EXPECT_THAT(labels({.label_column = name}, 3), ElementsAre(3, kNoLabel)) << name;
  }
  EXPECT_THAT(labels({.label_column = "class"}, 3), ElementsAre(kNoLabel, kNoLabel));
  EXPECT_THAT(labels({.label_column = ""}, 3), ElementsAre(kNoLabel, kNoLabel));
  EXPECT_THAT(labels({.label = Label::kUint64}, -1), ElementsAre(kNoLabel)) << "2^64 - 1 makes a broken sample";
}

TEST_F(ParquetSourceTest, ReadsWhatPyarrowWrites) {
  const std::string folder = "tests/core/image/source/parquet/";
  for (const std::string name : {"structs", "delta", "gzip", "brotli", "lz4", "bytes"}) {
    SCOPED_TRACE(name);
    const bool has_names = name != "bytes";
    const auto source =
        Open(folder + name + ".parquet", {.shuffle = false, .picture_column = has_names ? "image" : "img"});
    const std::vector<ImageSample> samples = Samples(*source);
    ASSERT_EQ(samples.size(), 11);
    for (int64_t i = 0; i < 11; ++i) {
      const int64_t row = i < 5 ? i : i + 1;
      EXPECT_EQ(samples[i].bytes, SmallPicture(4 + row));
      EXPECT_EQ(samples[i].label, row == 3 ? kNoLabel : 10 + row);
      EXPECT_EQ(samples[i].key, has_names ? StrCat("class/", row) : StrCat(row));
      EXPECT_EQ(source->Fetch(samples[i].ref)->bytes, samples[i].bytes);
    }
    EXPECT_EQ(source->Stats().without_picture, 1);
    EXPECT_THAT(source->Stats().skipped.at(0).path, HasSubstr("row 5"));
  }
}

TEST_F(ParquetSourceTest, EveryRowComesOnceAnEpochOnOneRankAndWorker) {
  std::vector<std::string> all;
  for (int i = 0; i < 5; ++i) {
    WriteBytes(folder_ / StrCat("p-", i, ".parquet"), MakeParquetShard(StrCat(i, "-"), 7));
    for (int j = 0; j < 7; ++j) all.push_back(StrCat(i, "-", j));
  }
  for (const auto& [num_ranks, num_workers] : {std::pair(1, 1), {2, 1}, {1, 3}, {3, 4}, {50, 1}}) {
    for (const bool shuffle : {true, false}) {
      SCOPED_TRACE(StrCat(num_ranks, " ranks, ", num_workers, " workers, shuffle ", shuffle));
      std::vector<std::string> keys;
      for (int share = 0; share < num_ranks * num_workers; ++share) {
        const std::vector<std::string> of_share = Epoch(*Open(folder_ / "p-*.parquet", {.seed = 3,
                                                                                        .shuffle = shuffle,
                                                                                        .shuffle_samples = 4,
                                                                                        .rank = share / num_workers,
                                                                                        .num_ranks = num_ranks,
                                                                                        .worker = share % num_workers,
                                                                                        .num_workers = num_workers}));
        keys.insert(keys.end(), of_share.begin(), of_share.end());
      }
      EXPECT_THAT(keys, UnorderedElementsAreArray(all));
    }
  }
}

TEST_F(ParquetSourceTest, ComesInOneEpochWithTarShards) {
  WriteBytes(folder_ / "a.parquet", MakeParquetShard("p", 3));
  WriteBytes(folder_ / "b.tar", MakeShard("t", 2));
  EXPECT_THAT(Epoch(*Open(folder_ / "{a.parquet,b.tar}", {.shuffle = false})),
              ElementsAre("p0", "p1", "p2", "t0", "t1"));
  EXPECT_THAT(Epoch(*Open(StrCat(folder_ / "b.tar", ",", folder_ / "*.parquet"), {.shuffle = false})),
              ElementsAre("t0", "t1", "p0", "p1", "p2"));
}

TEST_F(ParquetSourceTest, FindsOutWhatAFolderHolds) {
  WriteBytes(folder_ / "b.parquet", MakeParquetShard("b", 1));
  WriteBytes(folder_ / "a.parquet", MakeParquetShard("a", 1));
  WriteBytes(folder_ / "README.md", "text");
  WriteBytes(folder_ / "sub/x.png", SmallPicture());
  EXPECT_THAT(Epoch(*Open(folder_ / "", {.shuffle = false})), ElementsAre("a0", "b0"));
  WriteBytes(folder_ / "p.png", SmallPicture());
  EXPECT_THAT(Epoch(*Open(folder_ / "", {.shuffle = false})), ElementsAre("p", "sub/x")) << "pictures come first";
  WriteBytes(folder_ / "t.tar", MakeShard("t", 1));
  EXPECT_THAT(Epoch(*Open(folder_ / "", {.shuffle = false})), ElementsAre("t0")) << "and tar archives before them";
}

TEST_F(ParquetSourceTest, CountsAndListsWhatItPassesOver) {
  const auto source = OpenRows({{SmallPicture(64, 48), "ok.png", 1},
                                {std::nullopt, "null.png", 2},
                                {"", "empty.png", 3},
                                {"not a picture", "", 4},
                                {SmallPicture() + std::string(1000, ' '), "large.png", 5},
                                {SmallPicture(64, 47), "small.png", 6}},
                               {}, {.min_side_px = 48, .max_file_bytes = 1000});
  EXPECT_THAT(Epoch(*source), ElementsAre("ok"));
  const SourceStats stats = source->Stats();
  EXPECT_EQ(stats.samples, 1);
  EXPECT_EQ(stats.without_picture, 1);
  EXPECT_EQ(stats.broken, 3);
  EXPECT_EQ(stats.too_small, 1);
  ASSERT_EQ(stats.skipped.size(), 4);
  EXPECT_EQ(stats.skipped[0].path, folder_ / "a.parquet/row 1: null.png");
  EXPECT_THAT(stats.skipped[0].reason, HasSubstr("'image' is null"));
  EXPECT_THAT(stats.skipped[1].reason, HasSubstr("0 bytes"));
  EXPECT_EQ(stats.skipped[2].path, folder_ / "a.parquet/row 3");
  EXPECT_THAT(stats.skipped[3].reason, HasSubstr("has 1033 bytes; at most 1000 are read"));
}

TEST_F(ParquetSourceTest, AColumnThatIsNotThereIsAnErrorThatNamesThoseThatAre) {
  const auto source = OpenRows(SomeRows(1), {}, {.picture_column = "img"});
  const absl::Status status = source->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(folder_ / "a.parquet"), HasSubstr("'img'"), HasSubstr("image.bytes, image.path, label")));
  EXPECT_EQ(OpenRows(SomeRows(1), {}, {.picture_column = "label"})->Next().status().code(),
            absl::StatusCode::kInvalidArgument)
      << "no bytes";
  EXPECT_THAT(Epoch(*OpenRows(SomeRows(1), {.picture_column = "a.b"}, {.picture_column = "a.b"})),
              ElementsAre("class.0/0.x"));
}

TEST_F(ParquetSourceTest, PositionsKnowTheirColumn) {
  const nlohmann::json position = OpenRows(SomeRows(4))->Position();
  const absl::Status status = OpenRows(SomeRows(4), {}, {.picture_column = "other"})->Resume(position);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("'picture_column' is \"image\" there and \"other\" here"));
}

// A file that counts what is read of it, and fails when it is told to.
class WatchedFile : public RandomAccessFile {
 public:
  WatchedFile(const std::string& path, int64_t& read_bytes, absl::Status& error)
      : file_(*OpenRandomAccessFile(path)), read_bytes_(read_bytes), error_(error) {}
  int64_t size_bytes() const override { return file_->size_bytes(); }
  absl::StatusOr<int64_t> ReadAt(int64_t offset, absl::Span<char> out) override {
    if (!error_.ok()) return error_;
    // Less than is asked for, as may be.
    absl::StatusOr<int64_t> read = file_->ReadAt(offset, out.subspan(0, 100'000));
    if (read.ok()) read_bytes_ += *read;
    return read;
  }

 private:
  const std::unique_ptr<RandomAccessFile> file_;
  int64_t& read_bytes_;
  absl::Status& error_;
};

class WatchedFileTest : public ParquetSourceTest {
 protected:
  std::unique_ptr<ImageSource> OpenWatched(const std::vector<RowOfParquet>& rows, const ParquetShape& shape,
                                           bool shuffle = false) {
    const std::string path = WriteBytes(folder_ / "a.parquet", MakeParquet(rows, shape));
    const FileOpener opener = [this,
                               path](const std::string& name) -> absl::StatusOr<std::unique_ptr<RandomAccessFile>> {
      EXPECT_EQ(name, "memory://data/a.parquet");
      return std::make_unique<WatchedFile>(path, read_bytes_, error_);
    };
    return Open("memory://data/{a,a}.parquet", {.shuffle = shuffle, .file_openers = {{"memory", opener}}});
  }

  int64_t read_bytes_ = 0;
  absl::Status error_;
};

TEST_F(WatchedFileTest, ReadsUrlsByTheirOpener) {
  EXPECT_EQ(Epoch(*OpenWatched(SomeRows(5), {})).size(), 10);
  const absl::Status unknown = Open("hf://org/data/a.parquet", {})->Next().status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("hf://"));
}

TEST_F(WatchedFileTest, ReadsPageByPageHoweverLargeAGroupIs) {
  constexpr int kRows = 32;
  std::vector<RowOfParquet> rows;
  for (int i = 0; i < kRows; ++i) rows.push_back({SmallPicture() + std::string(1 << 20, ' '), "", i});
  const auto source = OpenWatched(rows, {.rows_per_group = kRows, .rows_per_page = 1});
  // A picture each, and what is read ahead: a MiB of each of three columns, and the end of the file.
  for (int i = 0; i < kRows / 2; ++i) {
    EXPECT_EQ(Step(*source), StrCat(i));
    EXPECT_LE(read_bytes_, (i + 6) << 20);
  }
}

TEST_F(WatchedFileTest, PassesOverPagesUnread) {
  constexpr int kRows = 20;
  std::vector<RowOfParquet> rows;
  for (int i = 0; i < kRows; ++i) rows.push_back({SmallPicture() + std::string(1 << 20, ' '), "", i});
  const auto source = OpenWatched(rows, {.rows_per_group = kRows, .rows_per_page = 1});
  EXPECT_EQ(source->Fetch({.offset = kRows - 1})->label, kRows - 1);
  // Of each page 64 KiB, in which its header lies.
  EXPECT_LE(read_bytes_, kRows * (1 << 17) + (2 << 20));
}

TEST_F(WatchedFileTest, ReadsTheBufferAgainPageByPage) {
  constexpr int kRows = 20;
  std::vector<RowOfParquet> rows;
  for (int i = 0; i < kRows; ++i) rows.push_back({SmallPicture() + std::string(1 << 20, ' '), "", i});
  const ParquetShape one_page = {.rows_per_group = kRows, .rows_per_page = kRows};
  const auto stopped = OpenWatched(rows, one_page, /*shuffle=*/true);
  Steps(*stopped, 3);
  const auto resumed = OpenWatched(rows, one_page, /*shuffle=*/true);
  ASSERT_TRUE(resumed->Resume(stopped->Position()).ok());
  read_bytes_ = 0;
  EXPECT_EQ(Steps(*resumed, 30), Steps(*stopped, 30));
  EXPECT_LE(read_bytes_, 3 * kRows << 20) << "the page once for each of two files, not for each sample";
}

TEST_F(WatchedFileTest, ErrorsOfReadingAreNoDamage) {
  error_ = absl::UnavailableError("the hub is away");
  const auto source = OpenWatched(SomeRows(6), {.rows_per_group = 2});
  EXPECT_EQ(source->Next().status(), error_);
  error_ = absl::OkStatus();
  EXPECT_EQ(Step(*source), "class.0/0.x") << "of the second file";
  EXPECT_EQ(Step(*source), "class.1/1.x");
  error_ = absl::UnavailableError("away again");
  EXPECT_EQ(source->Next().status(), error_) << "in the middle";
}

}  // namespace
}  // namespace vitok
