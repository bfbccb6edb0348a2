#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/weights/safetensors.h"

namespace vitok {
namespace {

using testing::HasSubstr;

class SafetensorsWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "safetensors_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  int FilesInFolder() const {
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  std::filesystem::path folder_;
};

TEST_F(SafetensorsWriterTest, WritesWhatTheReaderReads) {
  const std::map<std::string, TensorView> tensors = {{"z", {DType::kFloat32, {1, 2}, "01234567"}},
                                                     {"flag", {DType::kBool, {}, {"\1", 1}}},
                                                     {"none", {DType::kInt64, {0, 5}, {}}}};
  const std::map<std::string, std::string> metadata = {{"grid", "1x2"}, {"note", "\"é\"\n"}};
  const std::string path = folder_ / "z.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, tensors, metadata).ok());

  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->metadata(), metadata);
  ASSERT_EQ((*file)->tensors().size(), tensors.size());
  for (const auto& [name, expected] : tensors) {
    const TensorView& got = (*file)->tensors().at(name);
    EXPECT_EQ(got.dtype, expected.dtype) << name;
    EXPECT_EQ(got.shape, expected.shape) << name;
    EXPECT_EQ(got.bytes, expected.bytes) << name;
  }
}

TEST_F(SafetensorsWriterTest, SerializesTheBytesOfTheFileAndAlignsTheData) {
  const std::map<std::string, TensorView> tensors = {{"t", {DType::kUint8, {3}, "abc"}}};
  const auto bytes = SerializeSafetensors(tensors);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ((bytes->size() - 3) % 8, 0);
  EXPECT_TRUE(SafetensorsFile::Parse(*bytes, "memory").ok());

  const std::string path = folder_ / "t.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, tensors).ok());
  std::ifstream stream(path);
  const std::string written{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(written, *bytes);
}

TEST_F(SafetensorsWriterTest, ReplacesAFileAndLeavesNoTemporaryBehind) {
  const std::string path = folder_ / "t.safetensors";
  ASSERT_TRUE(WriteSafetensors(path, {{"t", {DType::kUint8, {3}, "old"}}}).ok());
  ASSERT_TRUE(WriteSafetensors(path, {{"t", {DType::kUint8, {3}, "new"}}}).ok());
  EXPECT_EQ((*SafetensorsFile::Open(path))->tensors().at("t").bytes, "new");
  EXPECT_EQ(FilesInFolder(), 1);
}

TEST_F(SafetensorsWriterTest, RefusesByteCountThatDiffersFromShape) {
  const absl::Status status = SerializeSafetensors({{"t", {DType::kFloat32, {2}, "1234"}}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("tensor 't': shape [2] of float32 needs 8 bytes; was given 4"));
  EXPECT_EQ(WriteSafetensors(folder_ / "t", {{"t", {DType::kUint8, {-1}, ""}}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FilesInFolder(), 0);
}

TEST_F(SafetensorsWriterTest, RefusesNamesTheFormatCannotHold) {
  EXPECT_EQ(SerializeSafetensors({{"\xff", {DType::kUint8, {0}, ""}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SerializeSafetensors({{"__metadata__", {DType::kUint8, {0}, ""}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(SafetensorsWriterTest, SaysWhyItCannotWrite) {
  const absl::Status no_folder = WriteSafetensors(folder_ / "absent" / "t.safetensors", {});
  EXPECT_EQ(no_folder.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(no_folder.message()), HasSubstr("No such file or directory"));

  std::filesystem::create_directories(folder_ / "taken" / "inside");
  const absl::Status is_folder = WriteSafetensors(folder_ / "taken", {});
  EXPECT_EQ(is_folder.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(FilesInFolder(), 1);
}

}  // namespace
}  // namespace vitok
