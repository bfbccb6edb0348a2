#include "core/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/core/weights/safetensors_bytes.h"

namespace vitok {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::Status ParseStatus(const std::string& bytes) { return SafetensorsFile::Parse(bytes, "test.st").status(); }

TEST(SafetensorsTest, ReadsTensorsAndMetadata) {
  const std::string bytes =
      FileBytes(R"({"__metadata__":{"grid":"2x3"},"b":{"dtype":"U8","shape":[3],"data_offsets":[4,7]},)"
                R"("a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]}}   )",
                "abcdXYZ");
  const auto file = SafetensorsFile::Parse(bytes, "test.st");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->path(), "test.st");
  EXPECT_EQ((*file)->metadata().at("grid"), "2x3");
  ASSERT_EQ((*file)->tensors().size(), 2);
  const TensorView& a = (*file)->tensors().at("a");
  EXPECT_EQ(a.dtype, DType::kFloat16);
  EXPECT_THAT(a.shape, ElementsAre(2, 1));
  EXPECT_EQ(a.bytes, "abcd");
  EXPECT_EQ((*file)->Find("b")->bytes, "XYZ");
}

TEST(SafetensorsTest, ReadsEveryDType) {
  const std::pair<const char*, DType> names[] = {
      {"BOOL", DType::kBool},   {"U8", DType::kUint8},      {"I32", DType::kInt32},  {"I64", DType::kInt64},
      {"F16", DType::kFloat16}, {"BF16", DType::kBfloat16}, {"F32", DType::kFloat32}};
  for (const auto& [name, dtype] : names) {
    const std::string data(SizeInBytes(dtype), '\1');
    const std::string header = std::string(R"({"t":{"dtype":")") + name + R"(","shape":[],"data_offsets":[0,)" +
                               std::to_string(data.size()) + "]}}";
    const std::string bytes = FileBytes(header, data);
    const auto file = SafetensorsFile::Parse(bytes, "test.st");
    ASSERT_TRUE(file.ok()) << name << ": " << file.status();
    EXPECT_EQ((*file)->tensors().at("t").dtype, dtype);
    EXPECT_THAT((*file)->tensors().at("t").shape, IsEmpty());
  }
}

TEST(SafetensorsTest, AcceptsFilesWithoutTensorsAndEmptyTensors) {
  EXPECT_TRUE(ParseStatus(FileBytes("{}", "")).ok());
  EXPECT_TRUE(ParseStatus(FileBytes(R"({"e":{"dtype":"F32","shape":[0,7],"data_offsets":[1,1]},)"
                                    R"("t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                    "x"))
                  .ok());
}

TEST(SafetensorsTest, OpensFileAndKeepsItReadableAfterRemoval) {
  const std::string path = testing::TempDir() + "open_" + std::to_string(getpid()) + ".safetensors";
  std::ofstream(path) << FileBytes(R"({"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "hi");
  const auto file = SafetensorsFile::Open(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->tensors().at("t").bytes, "hi");
  EXPECT_EQ((*file)->path(), path);
}

TEST(SafetensorsTest, SaysWhyAFileCannotBeOpened) {
  const absl::Status absent = SafetensorsFile::Open("no/such.safetensors").status();
  EXPECT_EQ(absent.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(absent.message()), HasSubstr("no/such.safetensors"));

  const absl::Status folder = SafetensorsFile::Open(testing::TempDir()).status();
  EXPECT_EQ(folder.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(folder.message()), HasSubstr("not a regular file"));

  const std::string path = testing::TempDir() + "empty_" + std::to_string(getpid()) + ".safetensors";
  std::ofstream(path).flush();
  const absl::Status empty = SafetensorsFile::Open(path).status();
  std::filesystem::remove(path);
  EXPECT_EQ(empty.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(empty.message()), HasSubstr("at least 8 bytes; was 0"));
}

TEST(SafetensorsTest, FindNamesTheAbsentTensor) {
  const std::string bytes = FileBytes("{}", "");
  const absl::Status status = (*SafetensorsFile::Parse(bytes, "test.st"))->Find("w").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("test.st: holds no tensor 'w'"));
}

struct BadFile {
  const char* name;
  std::string bytes;
  const char* message;
};

class SafetensorsRejectsTest : public testing::TestWithParam<BadFile> {};

TEST_P(SafetensorsRejectsTest, WithAMessageThatNamesTheReason) {
  const absl::Status status = ParseStatus(GetParam().bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::StartsWith("test.st: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

// A file with one tensor 't' whose description holds `fields`.
std::string OneTensor(const std::string& fields, std::string_view data = "") {
  return FileBytes("{\"t\":{" + fields + "}}", data);
}

std::string LengthField(uint64_t length) {
  std::string field(sizeof(length), '\0');
  std::memcpy(field.data(), &length, sizeof(length));
  return field;
}

const BadFile kBadFiles[] = {
    {"EmptyFile", "", "must hold at least 8 bytes; was 0"},
    {"ShortLength", "1234567", "must hold at least 8 bytes; was 7"},
    {"HeaderOverCap", LengthField(100'000'001), "must not exceed 100000000 bytes; its length field says 100000001"},
    {"HugeHeader", LengthField(~uint64_t{0}), "its length field says 18446744073709551615"},
    {"HeaderOverFile", LengthField(3) + "{}", "must fit into the 2 bytes"},
    {"EmptyHeader", FileBytes("", ""), "must begin with '{'"},
    {"LeadingBlank", FileBytes(" {}", ""), "must begin with '{'"},
    {"ByteOrderMark", FileBytes("\xEF\xBB\xBF{}", ""), "must begin with '{'"},
    {"ZeroByte", FileBytes(std::string("{}\0x", 4), ""), "zero byte"},
    {"Truncated", FileBytes("{\"t\":", ""), "not valid JSON at byte 6"},
    {"TextAfterHeader", FileBytes("{} x", ""), "not valid JSON"},
    {"InvalidUtf8", FileBytes("{\"\xff\":1}", ""), "not valid JSON"},
    {"TensorIsNumber", FileBytes("{\"t\":1}", ""),
     "tensor 't': a tensor must be described by an object; found a number"},
    {"TensorIsNull", FileBytes("{\"t\":null}", ""), "found null"},
    {"UnknownDType", OneTensor(R"("dtype":"F65","shape":[],"data_offsets":[0,0])"), "F32; was 'F65'"},
    {"DTypeIsNumber", OneTensor(R"("dtype":1,"shape":[],"data_offsets":[0,0])"),
     "dtype must be a string; found a number"},
    {"NegativeDimension", OneTensor(R"("dtype":"U8","shape":[-1],"data_offsets":[0,0])"), "not be negative; was -1"},
    {"FractionalDimension", OneTensor(R"("dtype":"U8","shape":[1.5],"data_offsets":[0,0])"), "not whole"},
    {"DimensionOf2To63", OneTensor(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,0])"),
     "below 2^63; was 9223372036854775808"},
    {"DimensionOver2To64", OneTensor(R"("dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,0])"),
     "not whole"},
    {"NestedShape", OneTensor(R"("dtype":"U8","shape":[[1]],"data_offsets":[0,0])"), "shape must be a list of whole"},
    {"ShapeIsObject", OneTensor(R"("dtype":"U8","shape":{},"data_offsets":[0,0])"), "shape must be a list of whole"},
    {"SizeOverflows", OneTensor(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
     "[4294967296, 4294967296] overflows"},
    {"ElementSizeOverflows", OneTensor(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])"),
     "overflows"},
    {"OneOffset", OneTensor(R"("dtype":"U8","shape":[],"data_offsets":[0])"), "two numbers; held 1"},
    {"ThreeOffsets", OneTensor(R"("dtype":"U8","shape":[],"data_offsets":[0,1,2])"), "two numbers; held more"},
    {"NegativeOffset", OneTensor(R"("dtype":"U8","shape":[],"data_offsets":[-1,0])"), "not be negative; was -1"},
    {"ReversedOffsets", OneTensor(R"("dtype":"U8","shape":[],"data_offsets":[2,1])", "xx"), "were [2, 1]"},
    {"OffsetOutsideFile", OneTensor(R"("dtype":"U8","shape":[3],"data_offsets":[0,3])", "xx"),
     "within the file's 2 data bytes; end was 3"},
    {"WrongByteCount", OneTensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", "xxxx"),
     "shape [2] of float32 needs 8 bytes; data_offsets span 4"},
    {"UnusedData", OneTensor(R"("dtype":"U8","shape":[1],"data_offsets":[0,1])", "xx"),
     "fill the data section of 2 bytes; they fill 1"},
    {"HoleInFront", OneTensor(R"("dtype":"U8","shape":[1],"data_offsets":[1,2])", "xx"),
     "data must begin at byte 0, where the data before it ends; began at 1"},
    {"Overlap",
     FileBytes(
         R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
         "xxx"),
     "tensor 'b': data must begin at byte 2, where the data before it ends; began at 1"},
    {"EmptyTensorInsideAnother",
     FileBytes(
         R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})",
         "xx"),
     "tensor 'b': data must begin at byte 2"},
    {"RepeatedName",
     FileBytes(
         R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
         "xx"),
     "tensor 'a': the name occurs twice"},
    {"RepeatedField", OneTensor(R"("dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1])", "x"),
     "field 'dtype' occurs twice"},
    {"UnknownField", OneTensor(R"("dtype":"U8","shape":[],"data_offsets":[0,1],"strides":[1])", "x"),
     "found 'strides'"},
    {"MissingField", OneTensor(R"("dtype":"U8","shape":[])"), "field 'data_offsets' is missing"},
    {"MetadataIsNumber", FileBytes(R"({"__metadata__":{"a":1}})", ""), "must be an object of strings; found a number"},
    {"RepeatedMetadata", FileBytes(R"({"__metadata__":{"a":"1","a":"2"}})", ""), "key 'a' occurs twice"},
    {"TwoMetadata", FileBytes(R"({"__metadata__":{},"__metadata__":{}})", ""), "the name occurs twice"},
};

INSTANTIATE_TEST_SUITE_P(File, SafetensorsRejectsTest, testing::ValuesIn(kBadFiles),
                         [](const testing::TestParamInfo<BadFile>& test) { return test.param.name; });

TEST(SafetensorsTest, KeepsMessagesShortAndPrintable) {
  const std::string long_name(1'000'000, '\x7f');
  const absl::Status status = ParseStatus(FileBytes("{\"" + long_name + "\":[]}", ""));
  EXPECT_LT(status.message().size(), 2000);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\\x7f"));
  const absl::Status bad_token = ParseStatus(FileBytes("{\"" + std::string(1'000'000, 'n'), ""));
  EXPECT_LT(bad_token.message().size(), 2000);
}

TEST(SafetensorsTest, SurvivesDeepNesting) {
  EXPECT_FALSE(ParseStatus(FileBytes("{\"t\":" + std::string(5'000'000, '['), "")).ok());
  EXPECT_FALSE(ParseStatus(FileBytes("{\"t\":{\"shape\":" + std::string(5'000'000, '['), "")).ok());
}

}  // namespace
}  // namespace vitok
