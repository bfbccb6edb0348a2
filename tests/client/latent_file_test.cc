#include "client/latent_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "core/weights/safetensors.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

HostTensor Indices(const std::vector<int32_t>& values) {
  HostTensor tensor{DType::kInt32, {static_cast<int64_t>(values.size())}, std::string(values.size() * 4, '\0')};
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

// 2 x 3 patches of 16 px, 5 channels, float16.
LatentFile SmallFile() {
  LatentFile file;
  file.model = "tiny";
  file.variant = "w192_d3_h3/1x16x5";
  file.patch_px = 16;
  Latents& latents = file.latents;
  latents.z = {DType::kFloat16, {6, 5}, std::string(60, '\0')};
  for (size_t i = 0; i < latents.z.data.size(); ++i) latents.z.data[i] = static_cast<char>(i);
  latents.row_idx = Indices({0, 0, 0, 1, 1, 1});
  latents.col_idx = Indices({0, 1, 2, 0, 1, 2});
  latents.grid_rows = 2;
  latents.grid_cols = 3;
  latents.height_px = 20;
  latents.width_px = 48;
  return file;
}

TEST(LatentFileTest, ReadsBackWhatWasWritten) {
  TempFolder folder;
  const std::string path = folder / "z.safetensors";
  const LatentFile file = SmallFile();
  ASSERT_TRUE(WriteLatentFile(path, file).ok());
  const absl::StatusOr<LatentFile> read = ReadLatentFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->latents, file.latents);
  EXPECT_EQ(read->model, "tiny");
  EXPECT_EQ(read->variant, file.variant);
  EXPECT_EQ(read->patch_px, 16);
}

TEST(LatentFileTest, IsASafetensorsFileThatOthersCanRead) {
  TempFolder folder;
  const std::string path = folder / "z.safetensors";
  ASSERT_TRUE(WriteLatentFile(path, SmallFile()).ok());
  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ((*file)->tensors().size(), 3);
  EXPECT_EQ((*file)->tensors().at("z").shape, (std::vector<int64_t>{6, 5}));
  EXPECT_EQ((*file)->metadata().at("format"), "vitok-latents-1");
  EXPECT_EQ((*file)->metadata().at("height_px"), "20");
}

TEST(LatentFileTest, SaysWhichFileIsMissing) {
  const absl::Status status = ReadLatentFile("/nonexistent/z.safetensors").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nonexistent/z.safetensors"));
}

TEST(LatentFileTest, RefusesTruncatedFiles) {
  TempFolder folder;
  const std::string path = folder / "z.safetensors";
  ASSERT_TRUE(WriteLatentFile(path, SmallFile()).ok());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const absl::Status status = ReadLatentFile(path).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

struct BrokenFile {
  std::string name;
  std::function<void(LatentFile&)> break_it;
  std::string message;
};

class LatentFileContentTest : public ::testing::TestWithParam<BrokenFile> {};

TEST_P(LatentFileContentTest, IsRefusedNamingWhatIsWrong) {
  TempFolder folder;
  const std::string path = folder / "z.safetensors";
  LatentFile file = SmallFile();
  GetParam().break_it(file);
  const absl::Status status = WriteLatentFile(path, file);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
  EXPECT_FALSE(std::filesystem::exists(path));
}

INSTANTIATE_TEST_SUITE_P(
    All, LatentFileContentTest,
    ::testing::Values(
        BrokenFile{"GridOfOtherSize", [](LatentFile& f) { f.latents.grid_cols = 4; }, "2 * 4 = 8 tokens; was 6"},
        BrokenFile{"RowOutsideGrid",
                   [](LatentFile& f) {
                     f.latents.row_idx = Indices({0, 0, 0, 1, 1, 2});
                   },
                   "row_idx[5] must lie in the grid, 0 to 1; was 2"},
        BrokenFile{"NegativeColumn",
                   [](LatentFile& f) {
                     f.latents.col_idx = Indices({-1, 1, 2, 0, 1, 2});
                   },
                   "col_idx[0] must lie in the grid, 0 to 2; was -1"},
        BrokenFile{"CellTwice",
                   [](LatentFile& f) {
                     f.latents.col_idx = Indices({0, 1, 1, 0, 1, 2});
                   },
                   "row 0, column 1 is named twice"},
        BrokenFile{"TooFewIndices",
                   [](LatentFile& f) {
                     f.latents.row_idx = Indices({0, 0});
                   },
                   "\"row_idx\" must be int32 [6]; was int32 [2]"},
        BrokenFile{"NoIndices", [](LatentFile& f) { f.latents.col_idx.reset(); }, "row_idx and col_idx are required"},
        BrokenFile{"IntegerLatents", [](LatentFile& f) { f.latents.z.dtype = DType::kUint8; }, "was uint8"},
        BrokenFile{"LatentsOfThreeDimensions",
                   [](LatentFile& f) {
                     f.latents.z.shape = {6, 5, 1};
                   },
                   "\"z\" must have shape [N, C]; was [6, 5, 1]"},
        BrokenFile{"TooTall", [](LatentFile& f) { f.latents.height_px = 33; },
                   "height_px must lie in 17 to 32 (2 patches of 16); was 33"},
        BrokenFile{"TooNarrow", [](LatentFile& f) { f.latents.width_px = 32; }, "width_px must lie in 33 to 48"}),
    [](const auto& info) { return info.param.name; });

struct ForeignFile {
  std::string name;
  std::function<void(std::map<std::string, TensorView>&, std::map<std::string, std::string>&)> change;
  std::string message;
};

void PrintTo(const ForeignFile& file, std::ostream* out) { *out << file.name; }

class ForeignLatentFileTest : public ::testing::TestWithParam<ForeignFile> {};

TEST_P(ForeignLatentFileTest, IsRefusedNamingWhatIsWrong) {
  TempFolder folder;
  const std::string good_path = folder / "good.safetensors";
  const std::string path = folder / "z.safetensors";
  ASSERT_TRUE(WriteLatentFile(good_path, SmallFile()).ok());
  const auto good = *SafetensorsFile::Open(good_path);
  std::map<std::string, TensorView> tensors = good->tensors();
  std::map<std::string, std::string> metadata = good->metadata();
  GetParam().change(tensors, metadata);
  ASSERT_TRUE(WriteSafetensors(path, tensors, metadata).ok());
  const absl::Status status = ReadLatentFile(path).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, ForeignLatentFileTest,
    ::testing::Values(
        ForeignFile{"NoFormat", [](auto&, auto& metadata) { metadata.erase("format"); }, "lacks \"format\""},
        ForeignFile{"OtherFormat", [](auto&, auto& metadata) { metadata["format"] = "pt"; },
                    "format must be \"vitok-latents-1\"; was \"pt\""},
        ForeignFile{"NoModel", [](auto&, auto& metadata) { metadata.erase("model"); }, "lacks \"model\""},
        ForeignFile{"NoLatents", [](auto& tensors, auto&) { tensors.erase("z"); }, "tensor \"z\" is missing"},
        ForeignFile{"NoRows", [](auto& tensors, auto&) { tensors.erase("row_idx"); }, "tensor \"row_idx\" is missing"},
        ForeignFile{"HeightNoNumber", [](auto&, auto& metadata) { metadata["height_px"] = "tall"; },
                    "\"height_px\" must be a positive number; was \"tall\""},
        ForeignFile{"HeightZero", [](auto&, auto& metadata) { metadata["height_px"] = "0"; }, "was \"0\""},
        ForeignFile{"GridOverflowing32Bits", [](auto&, auto& metadata) { metadata["grid_rows"] = "4294967298"; },
                    "was \"4294967298\""}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace vitok
