// Encode then Decode is Reconstruct; every way to send a picture gives the same latents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/file_io.h"
#include "core/image/codec.h"
#include "tests/e2e/running_server.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

constexpr char kPhoto[] = "photos/page.png";  // 384 x 191: the last row of patches is padded
constexpr int32_t kPatchPx = 16;

class RoundTripTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new RunningServer(
        "models:\n"
        "  - {name: tiny, folder: models/tiny-f16x64, dtype: float32}\n"
        "  - {name: tiny-bf16, folder: models/tiny-f16x64, dtype: bfloat16}\n"
        "  - {name: encoder-only, folder: models/tiny-f16x64, halves: encoder}\n");
    is_serving_ = server_->WaitUntilServing();
  }
  static void TearDownTestSuite() { delete server_; }
  void SetUp() override { ASSERT_TRUE(is_serving_); }

  static RunningServer* server_;
  static bool is_serving_;
};

RunningServer* RoundTripTest::server_ = nullptr;
bool RoundTripTest::is_serving_ = false;

EncodedImage PhotoFile() { return EncodedImage{ReadFile(kPhoto).value()}; }

template <typename T>
HostTensor ToTensor(DType dtype, std::vector<int64_t> shape, const std::vector<T>& values) {
  HostTensor tensor{dtype, std::move(shape), std::string(values.size() * sizeof(T), '\0')};
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

// What preprocessing makes of a picture, written out: (v / 255 - 0.5) / 0.5, zeros to the right and below.
PatchDict CutIntoPatches(const RgbImage& image) {
  const int32_t rows = (image.height_px + kPatchPx - 1) / kPatchPx;
  const int32_t cols = (image.width_px + kPatchPx - 1) / kPatchPx;
  std::vector<float> patches;
  std::vector<int32_t> row_idx, col_idx;
  for (int32_t row = 0; row < rows; ++row) {
    for (int32_t col = 0; col < cols; ++col) {
      row_idx.push_back(row);
      col_idx.push_back(col);
      for (int channel = 0; channel < 3; ++channel) {
        for (int32_t y = row * kPatchPx; y < (row + 1) * kPatchPx; ++y) {
          for (int32_t x = col * kPatchPx; x < (col + 1) * kPatchPx; ++x) {
            const bool is_inside = y < image.height_px && x < image.width_px;
            const size_t index = (size_t{1} * y * image.width_px + x) * 3 + channel;
            patches.push_back(is_inside ? (image.pixels_HWC[index] / 255.0f - 0.5f) / 0.5f : 0.0f);
          }
        }
      }
    }
  }
  const int64_t num_tokens = int64_t{rows} * cols;
  PatchDict dict;
  dict.patches = ToTensor(DType::kFloat32, {num_tokens, 3 * kPatchPx * kPatchPx}, patches);
  dict.row_idx = ToTensor(DType::kInt32, {num_tokens}, row_idx);
  dict.col_idx = ToTensor(DType::kInt32, {num_tokens}, col_idx);
  dict.original_height_px = image.height_px;
  dict.original_width_px = image.width_px;
  return dict;
}

// The same with invalid tokens of garbage behind, as a batch that was padded to equal lengths has them.
PatchDict WithPadding(PatchDict dict, int64_t padding) {
  const int64_t num_tokens = dict.row_idx.shape[0];
  dict.patch_mask = HostTensor{DType::kBool, {num_tokens + padding}, std::string(num_tokens, '\1')};
  dict.patch_mask->data.resize(num_tokens + padding, '\0');
  for (HostTensor* tensor : {&dict.patches, &dict.row_idx, &dict.col_idx}) {
    tensor->data.resize(tensor->data.size() / num_tokens * (num_tokens + padding), '\1');
    tensor->shape[0] += padding;
  }
  return dict;
}

TEST_F(RoundTripTest, RawPixelsAndPatchDictsGiveTheLatentsOfTheFile) {
  const std::unique_ptr<TokenizerClient> client = server_->Connect();
  const absl::StatusOr<EncodeResult> file = client->Encode(PhotoFile());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tokens, 24 * 12);
  const RgbImage image = DecodeImage(PhotoFile().bytes).value();
  const PatchDict dict = CutIntoPatches(image);
  for (const ImageInput& input : {ImageInput(image), ImageInput(dict), ImageInput(WithPadding(dict, 5))}) {
    const absl::StatusOr<EncodeResult> result = client->Encode(input);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_TRUE(result->latents == file->latents) << "input kind " << input.index();
    EXPECT_EQ(result->tokens, file->tokens);
  }
}

class RoundTripModelTest : public RoundTripTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(RoundTripModelTest, EncodeThenDecodeEqualsReconstruct) {
  const std::unique_ptr<TokenizerClient> client = server_->Connect();
  for (PixelFormat format : {PixelFormat::kUint8, PixelFormat::kFloat32}) {
    const auto encoded = client->Encode(PhotoFile(), {.model = GetParam()});
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    const auto decoded = client->Decode(encoded->latents, {.model = GetParam(), .format = format});
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    const auto reconstructed = client->Reconstruct(PhotoFile(), {.model = GetParam(), .format = format});
    ASSERT_TRUE(reconstructed.ok()) << reconstructed.status();
    EXPECT_EQ(decoded->picture.height_px, 191);
    EXPECT_EQ(decoded->picture.width_px, 384);
    EXPECT_TRUE(std::get<HostTensor>(decoded->picture.content) == std::get<HostTensor>(reconstructed->picture.content));
  }
}

TEST_P(RoundTripModelTest, EncodeThenDecodeWritesTheFileOfReconstruct) {
  TempFolder folder;
  const std::string latents = folder / "z.safetensors", decoded = folder / "d.png", reconstructed = folder / "r.png";
  const ProgramResult encode = server_->Vitok({"encode", kPhoto, "-o", latents, "--model", GetParam()});
  ASSERT_EQ(encode.exit_code, 0) << encode.err;
  const ProgramResult decode = server_->Vitok({"decode", latents, "-o", decoded});  // the model is that of the file
  ASSERT_EQ(decode.exit_code, 0) << decode.err;
  const ProgramResult reconstruct = server_->Vitok({"reconstruct", kPhoto, "-o", reconstructed, "--model", GetParam()});
  ASSERT_EQ(reconstruct.exit_code, 0) << reconstruct.err;
  EXPECT_TRUE(ReadFile(decoded).value() == ReadFile(reconstructed).value());
}

INSTANTIATE_TEST_SUITE_P(All, RoundTripModelTest, ::testing::Values("tiny", "tiny-bf16"),
                         [](const auto& info) { return info.param == "tiny" ? "float32" : "bfloat16"; });

TEST_F(RoundTripTest, ServesSeveralModelsAndNamesThem) {
  const auto models = server_->Connect()->ListModels();
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 3);
  EXPECT_EQ((*models)[0].name, "tiny");
  EXPECT_TRUE((*models)[0].is_default);
  EXPECT_EQ((*models)[0].patch_px, kPatchPx);
  EXPECT_EQ((*models)[1].name, "tiny-bf16");
  EXPECT_EQ((*models)[1].dtype, DType::kBfloat16);
  EXPECT_EQ((*models)[2].name, "encoder-only");
  EXPECT_TRUE((*models)[2].can_encode);
  EXPECT_FALSE((*models)[2].can_decode);
}

TEST_F(RoundTripTest, F24_AnEncoderOnlyModelEncodesButRefusesToDecode) {
  const std::unique_ptr<TokenizerClient> client = server_->Connect();
  const auto encoded = client->Encode(PhotoFile(), {.model = "encoder-only"});
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_TRUE(encoded->latents == client->Encode(PhotoFile(), {.model = "tiny"})->latents);
  for (const absl::Status& status : {client->Decode(encoded->latents, {.model = "encoder-only"}).status(),
                                     client->Reconstruct(PhotoFile(), {.model = "encoder-only"}).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("encoder-only"));
  }
}

TEST_F(RoundTripTest, F8_ABadItemDoesNotChangeTheOthersOfItsCall) {
  const std::unique_ptr<TokenizerClient> client = server_->Connect();
  const RgbImage small(48, 32);
  const auto alone = client->Encode(small);
  ASSERT_TRUE(alone.ok()) << alone.status();
  const auto batch = client->EncodeAll({small, EncodedImage{"not a picture"}, small});
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ(batch->items.size(), 3);
  EXPECT_TRUE(batch->items[0]->latents == batch->items[2]->latents);
  EXPECT_EQ(batch->items[0]->tokens, alone->tokens);
  EXPECT_TRUE(absl::IsInvalidArgument(batch->items[1].status())) << batch->items[1].status();
}

}  // namespace
}  // namespace vitok
