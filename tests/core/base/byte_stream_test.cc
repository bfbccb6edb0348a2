#include "core/base/byte_stream.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

std::string TenBytes(const TempFolder& folder) {
  const std::string path = folder / "digits";
  std::ofstream(path, std::ios::binary) << "0123456789";
  return path;
}

TEST(ByteStreamTest, FindsSchemes) {
  EXPECT_EQ(SchemeOf("HF://a/b.tar"), "hf");
  EXPECT_EQ(SchemeOf("/a/b.tar"), "");
  EXPECT_EQ(SchemeOf("a/b://c"), "");
  EXPECT_EQ(SchemeOf("://c"), "");
}

TEST(ByteStreamTest, ReadsAFileFromFrontToBack) {
  const TempFolder folder;
  const auto stream = OpenStream({}, TenBytes(folder), 2);
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::string bytes(3, ' ');
  EXPECT_EQ(*(*stream)->Read(absl::MakeSpan(bytes)), 3);
  EXPECT_EQ(bytes, "234");
  EXPECT_EQ(*(*stream)->Skip(2), 2);
  EXPECT_EQ(*(*stream)->Read(absl::MakeSpan(bytes)), 3);
  EXPECT_EQ(bytes, "789");
  EXPECT_EQ(*(*stream)->Skip(1), 0);
  EXPECT_EQ(*(*stream)->Read(absl::MakeSpan(bytes)), 0);
}

TEST(ByteStreamTest, ReadsAFileAnywhere) {
  const TempFolder folder;
  const auto file = OpenRandomAccessFile(TenBytes(folder));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->size_bytes(), 10);
  std::string bytes(4, ' ');
  EXPECT_EQ(*(*file)->ReadAt(5, absl::MakeSpan(bytes)), 4);
  EXPECT_EQ(bytes, "5678");
  EXPECT_EQ(*(*file)->ReadAt(8, absl::MakeSpan(bytes)), 2);
  EXPECT_EQ(bytes, "8978");
  EXPECT_EQ(*(*file)->ReadAt(10, absl::MakeSpan(bytes)), 0);
  EXPECT_EQ(*(*file)->ReadAt(0, absl::MakeSpan(bytes)), 4);
  EXPECT_EQ(bytes, "0123");
}

TEST(ByteStreamTest, OpensFilesByTheirScheme) {
  const TempFolder folder;
  const std::string path = TenBytes(folder);
  const FileOpeners openers = {{"memory", [&](const std::string& name) {
                                  EXPECT_EQ(name, "MEMORY://digits");
                                  return OpenRandomAccessFile(path);
                                }}};
  for (const std::string& name : {path, std::string("MEMORY://digits")}) {
    const auto file = OpenRandomAccessFile(openers, name);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->size_bytes(), 10);
  }
  const absl::Status unknown = OpenRandomAccessFile(openers, "s4://digits").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(unknown.message(), "nothing reads s4:// here; was asked for 's4://digits'");
}

TEST(ByteStreamTest, ReadsWholeFilesUpToABound) {
  const TempFolder folder;
  const std::string path = TenBytes(folder);
  EXPECT_EQ(*ReadWholeFile(path, 10), "0123456789");
  const absl::Status status = ReadWholeFile(path, 9).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), absl::string_view("'" + path + "' has 10 bytes; at most 9 are read"));
}

TEST(ByteStreamTest, FilesAreOpenedByTheirScheme) {
  const TempFolder folder;
  const std::string path = TenBytes(folder);
  std::string asked;
  const FileOpeners openers = {{"s4", [&](const std::string& name) {
                                  asked = name;
                                  return OpenRandomAccessFile(path);
                                }}};
  EXPECT_EQ((*OpenRandomAccessFile(openers, path))->size_bytes(), 10);
  EXPECT_EQ(asked, "");
  EXPECT_EQ((*OpenRandomAccessFile(openers, "S4://bucket/a.parquet"))->size_bytes(), 10);
  EXPECT_EQ(asked, "S4://bucket/a.parquet");
  const absl::Status status = OpenRandomAccessFile(openers, "s5://bucket/a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(status.message(), "nothing reads s5:// here; was asked for 's5://bucket/a'");
}

TEST(ByteStreamTest, SaysWhatCannotBeOpened) {
  const TempFolder folder;
  EXPECT_EQ(OpenStream({}, folder / "none", 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenRandomAccessFile(folder / "none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(OpenRandomAccessFile(folder / "").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OpenStream({}, "s4://bucket/a.tar", 0).status().code(), absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace vitok
