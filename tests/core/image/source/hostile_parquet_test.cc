// Parquet files that are damaged, or that nobody meant well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/image/source/source_fixture.h"

namespace vitok {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

class MemoryFile : public RandomAccessFile {
 public:
  explicit MemoryFile(std::string bytes) : bytes_(std::move(bytes)) {}
  int64_t size_bytes() const override { return static_cast<int64_t>(bytes_.size()); }
  absl::StatusOr<int64_t> ReadAt(int64_t offset, absl::Span<char> out) override {
    if (offset < 0) return absl::InternalError("offset below zero");
    if (offset >= size_bytes()) return 0;
    return bytes_.copy(out.data(), out.size(), offset);
  }

 private:
  const std::string bytes_;
};

class HostileParquetTest : public testing::Test {
 protected:
  // A file of these bytes, and a good one behind it.
  static std::unique_ptr<ImageSource> OpenBytes(const std::string& bytes, const std::string& column = "image") {
    const std::vector<RowOfParquet> good = {{SmallPicture(), "good0.png", 0}, {SmallPicture(), "good1.png", 1}};
    const FileOpener opener = [bytes, good, column](const std::string& name) {
      return std::make_unique<MemoryFile>(
          name.ends_with("bad.parquet") ? bytes : MakeParquet(good, {.picture_column = column}));
    };
    return Open(
        "memory://{bad,good}.parquet",
        {.shuffle = false, .max_file_bytes = 1 << 20, .file_openers = {{"memory", opener}}, .picture_column = column});
  }

  static std::string Refusal(const std::string& bytes) {
    const auto source = OpenBytes(bytes);
    const absl::Status status = source->Next().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(Epoch(*source), ElementsAre("good0", "good1"));
    return std::string(status.message());
  }

  // What comes before the good file. At most one error.
  static std::vector<std::string> StepsOf(const std::string& bytes, const std::string& column = "image") {
    std::vector<std::string> steps = Epoch(*OpenBytes(bytes, column));
    EXPECT_GE(steps.size(), 2);
    EXPECT_EQ(steps.back(), "good1");
    steps.resize(steps.size() - 2);
    for (size_t i = 0; i < steps.size(); ++i) {
      if (!steps[i].starts_with("!")) continue;
      EXPECT_EQ(i, steps.size() - 1) << "an error ends the file";
      EXPECT_THAT(steps[i], AnyOf("!DATA_LOSS", "!RESOURCE_EXHAUSTED", "!INVALID_ARGUMENT"));
    }
    return steps;
  }
};

TEST_F(HostileParquetTest, WhatIsNoParquetIsRefused) {
  EXPECT_THAT(Refusal(""), AllOf(HasSubstr("memory://bad.parquet"), HasSubstr("is no parquet file")));
  EXPECT_THAT(Refusal("PAR1"), HasSubstr("is no parquet file"));
  EXPECT_THAT(Refusal(std::string(5000, 'x')), HasSubstr("is no parquet file"));
  EXPECT_THAT(Refusal(MakeShard("t", 3)), HasSubstr("is no parquet file"));
  EXPECT_THAT(Refusal(SmallPicture()), HasSubstr("is no parquet file"));
}

TEST_F(HostileParquetTest, CutOffAnywhereIsAnError) {
  const std::string parquet = MakeParquetShard("s", 3);
  for (size_t size = 0; size < parquet.size(); ++size) {
    ASSERT_THAT(StepsOf(parquet.substr(0, size)), ElementsAre("!DATA_LOSS")) << size;
  }
}

TEST_F(HostileParquetTest, FlippedBytesAreErrorsOrOtherContent) {
  const std::string parquet = MakeParquetShard("s", 6);
  constexpr char kFlips[] = {'\x01', '\x55', '\x80'};
  for (size_t at = 0; at < parquet.size(); ++at) {
    SCOPED_TRACE(StrCat("byte ", at));
    std::string flipped = parquet;
    flipped[at] = static_cast<char>(flipped[at] ^ kFlips[at % 3]);
    StepsOf(flipped);
  }
}

TEST_F(HostileParquetTest, FlippedBytesOfPyarrowsFilesAreErrorsOrOtherContent) {
  for (const std::string name : {"structs", "delta", "gzip", "brotli", "lz4", "bytes"}) {
    const std::string parquet = *ReadWholeFile(StrCat("tests/core/image/source/parquet/", name, ".parquet"), 1 << 20);
    for (size_t at = 0; at < parquet.size(); at += 5) {
      SCOPED_TRACE(StrCat(name, ", byte ", at));
      std::string flipped = parquet;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x55);
      StepsOf(flipped, name == "bytes" ? "img" : "image");
    }
  }
}

TEST_F(HostileParquetTest, FlippedBytesOfAPageWithAChecksumAreErrors) {
  const std::string path = "tests/core/image/source/parquet/bytes.parquet";
  std::string parquet = *ReadWholeFile(path, 1 << 20);
  const size_t picture = parquet.find("PNG");
  ASSERT_NE(picture, std::string::npos);
  parquet[picture + 1] ^= 1;
  const absl::Status status = OpenBytes(parquet, "img")->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("at row 0"), HasSubstr("CRC")));
}

TEST_F(HostileParquetTest, TheRowOfTheDamageIsNamed) {
  std::string parquet = MakeParquetShard("s", 8);
  // The length of the first picture of the second group.
  const size_t second_group = parquet.find("\x89PNG", parquet.find("s3.png"));
  ASSERT_NE(second_group, std::string::npos);
  parquet.replace(second_group - 4, 4, "\xFF\xFF\xFF\x7F");
  EXPECT_THAT(StepsOf(parquet), ElementsAre("s0", "s1", "s2", "s3", "!DATA_LOSS"));
  const auto source = OpenBytes(parquet);
  Steps(*source, 4);
  EXPECT_THAT(std::string(source->Next().status().message()),
              AllOf(HasSubstr("memory://bad.parquet"), HasSubstr("row 4")));
}

TEST_F(HostileParquetTest, StatedSizesTakeNoMemory) {
  const std::vector<RowOfParquet> rows(3, {SmallPicture(), "x.png", 1});
  for (const int64_t stated : {int64_t{1} << 20, int64_t{1} << 30, int64_t{INT32_MAX}}) {
    SCOPED_TRACE(stated);
    EXPECT_THAT(StepsOf(MakeParquet(rows, {.stated_page_bytes = stated})), ElementsAre("!DATA_LOSS"));
    EXPECT_THAT(StepsOf(MakeParquet(rows, {.stated_page_values = stated})), ElementsAre("x", "x", "!DATA_LOSS"));
  }
  for (const int64_t stated : {int64_t{4}, int64_t{1} << 40, INT64_MAX}) {
    SCOPED_TRACE(stated);
    EXPECT_THAT(StepsOf(MakeParquet(rows, {.stated_group_rows = stated})), ElementsAre("x", "x", "x", "!DATA_LOSS"));
  }
  EXPECT_THAT(StepsOf(MakeParquet(rows, {.stated_page_values = 0})), ElementsAre("!DATA_LOSS"));
  EXPECT_THAT(StepsOf(MakeParquet(rows, {.stated_group_rows = 2})), ElementsAre("x", "x"));
  const std::vector<RowOfParquet> two_groups(5, {SmallPicture(), "x.png", 1});
  EXPECT_THAT(StepsOf(MakeParquet(two_groups, {.stated_group_rows = INT64_MAX})), ElementsAre("!DATA_LOSS"));
}

}  // namespace
}  // namespace vitok
