#include "server/image_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstdlib>
#include <limits>
#include <vector>

#include "core/image/codec.h"
#include "core/model/pixel_sequences.h"
#include "server/patch_dict_input.h"
#include "server/process_metrics.h"
#include "tests/server/proto_tensors.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPatch = 2;
constexpr int64_t kPatchValues = 3 * kPatch * kPatch;

// 3 rows and 5 columns of pixels that differ.
RgbImage Gradient(int32_t height, int32_t width) {
  RgbImage image(height, width);
  for (size_t i = 0; i < image.pixels_HWC.size(); ++i) image.pixels_HWC[i] = static_cast<uint8_t>(i * 7);
  return image;
}

v1::ImageInput Raw(const RgbImage& image) {
  v1::ImageInput input;
  *input.mutable_raw() = ProtoTensor(v1::DTYPE_UINT8, {image.height_px, image.width_px, 3},
                                     std::string(image.pixels_HWC.begin(), image.pixels_HWC.end()));
  return input;
}

class ImageInputTest : public ::testing::Test {
 protected:
  ImageInputTest() : preprocessor_(*Preprocessor::Parse("to_tensor|normalize(minus_one_to_one)|patchify(2, 64)")) {
    model_.patch_px = kPatch;
    model_.patch_values = kPatchValues;
    reading_ = {.model = &model_, .preprocessor = &preprocessor_, .max_tokens = 32, .max_pixels = 1000};
  }

  absl::StatusOr<PatchSequence> Read(const v1::ImageInput& input) {
    const absl::StatusOr<int64_t> tokens = CountImageTokens("images[1]", input, reading_);
    if (!tokens.ok()) return tokens.status();
    absl::StatusOr<TokenizerInput> read = ReadImage("images[1]", input, reading_);
    if (!read.ok()) return read.status();
    const auto* pixels = std::get_if<PixelImage>(&*read);
    PatchSequence patches = pixels != nullptr ? ToPatches(*pixels, kPatch) : std::get<PatchSequence>(*read);
    EXPECT_EQ(patches.patches_ND.size(0), *tokens);
    return patches;
  }

  std::string Error(const v1::ImageInput& input) {
    const absl::Status status = Read(input).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(BlamedField(status), HasSubstr("images[1]"));
    return std::string(status.message());
  }

  TokenizerInfo model_;
  Preprocessor preprocessor_;
  ImageReading reading_;
};

TEST_F(ImageInputTest, RawAndLosslessFileGiveTheSamePatches) {
  const RgbImage image = Gradient(3, 5);
  v1::ImageInput file;
  file.set_encoded(*EncodeImage(image, {.format = ImageFormat::kPng}));
  const absl::StatusOr<PatchSequence> from_raw = Read(Raw(image));
  const absl::StatusOr<PatchSequence> from_file = Read(file);
  ASSERT_TRUE(from_raw.ok()) << from_raw.status();
  ASSERT_TRUE(from_file.ok()) << from_file.status();
  EXPECT_TRUE(at::equal(from_raw->patches_ND, from_file->patches_ND));
  EXPECT_EQ(from_raw->geometry, (ImageGeometry{3, 5, 2, 3}));
}

TEST_F(ImageInputTest, RawPixelsStayWhereTheyAre) {
  const v1::ImageInput input = Raw(Gradient(3, 5));
  const absl::StatusOr<TokenizerInput> read = ReadImage("images[1]", input, reading_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::get<PixelImage>(*read).pixels_HW3.const_data_ptr(), input.raw().data().data());
}

TEST_F(ImageInputTest, PixelsOfAFileOutliveIt) {
  for (const char* pipeline :
       {"to_tensor|normalize(imagenet)|patchify(2, 64)", "center_crop(2)|to_tensor|patchify(2, 64)"}) {
    preprocessor_ = *Preprocessor::Parse(pipeline);
    const RgbImage image = Gradient(3, 5);
    absl::StatusOr<TokenizerInput> read;
    {
      v1::ImageInput file;
      file.set_encoded(*EncodeImage(image, {.format = ImageFormat::kPng}));
      read = ReadImage("images[1]", file, reading_);
    }
    ASSERT_TRUE(read.ok()) << read.status();
    const auto& pixels = std::get<PixelImage>(*read);
    EXPECT_EQ(pixels.normalize, *preprocessor_.pixel_mode());
    EXPECT_TRUE(at::equal(ToPatches(pixels, kPatch).patches_ND, preprocessor_.Run(image)->patches_ND)) << pipeline;
  }
}

TEST_F(ImageInputTest, PipelinesThatNoTokenizerCanDoGivePatches) {
  preprocessor_ = *Preprocessor::Parse("to_tensor|normalize|normalize|patchify(2, 64)");
  const absl::StatusOr<TokenizerInput> read = ReadImage("images[1]", Raw(Gradient(3, 5)), reading_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(std::holds_alternative<PatchSequence>(*read));
}

TEST_F(ImageInputTest, F2_TakesImagesOfOnePixelAndOneRow) {
  EXPECT_EQ(Read(Raw(Gradient(1, 1)))->patches_ND.size(0), 1);
  EXPECT_EQ(Read(Raw(Gradient(1, 9)))->patches_ND.size(0), 5);
}

TEST_F(ImageInputTest, F2_RefusesWhatIsNoPicture) {
  v1::ImageInput input;
  EXPECT_THAT(Error(input), HasSubstr("must hold an image"));
  input.set_encoded("");
  Error(input);
  input.set_encoded("hello, world");
  Error(input);
  const std::string png = *EncodeImage(Gradient(20, 20), {.format = ImageFormat::kPng});
  input.set_encoded(png.substr(0, png.size() / 2));
  Error(input);
}

TEST_F(ImageInputTest, F6_RefusesMalformedRawImages) {
  v1::ImageInput input = Raw(Gradient(4, 4));
  input.mutable_raw()->set_shape(2, 4);
  EXPECT_THAT(Error(input), HasSubstr("images[1].raw.data must have 64 bytes for uint8 [4, 4, 4]; has 48"));
  *input.mutable_raw() = ProtoTensor(v1::DTYPE_UINT8, {4, 4}, std::string(16, 'x'));
  EXPECT_THAT(Error(input), HasSubstr("must be [H, W, 3] with H and W of at least 1; was [4, 4]"));
  *input.mutable_raw() = ProtoTensor(v1::DTYPE_UINT8, {0, 4, 3}, "");
  EXPECT_THAT(Error(input), HasSubstr("was [0, 4, 3]"));
  *input.mutable_raw() = ProtoTensor(v1::DTYPE_FLOAT32, {1, 1, 3}, std::string(12, 'x'));
  EXPECT_THAT(Error(input), HasSubstr("images[1].raw.dtype must be uint8; was float32"));
  *input.mutable_raw() = ProtoTensor(v1::DTYPE_UINT8, {int64_t{1} << 62, 4, 3}, "");
  EXPECT_THAT(Error(input), HasSubstr("63 bits"));
}

TEST_F(ImageInputTest, F4_RefusesImagesAboveTheLimitsFromTheirHeaders) {
  EXPECT_THAT(Error(Raw(Gradient(10, 14))), HasSubstr("at most 32 tokens (max_image_tokens); was 35"));
  EXPECT_THAT(Error(Raw(Gradient(40, 40))), HasSubstr("at most 1000 pixels (max_image_pixels); was 40 x 40 = 1600"));
  v1::ImageInput file;
  file.set_encoded(*EncodeImage(Gradient(10, 14), {.format = ImageFormat::kPng}));
  EXPECT_THAT(Error(file), HasSubstr("was 35"));
  // A header that promises 65535 x 65535 pixels and no data behind it.
  std::string bomb = *EncodeImage(Gradient(1, 1), {.format = ImageFormat::kPng});
  for (const size_t side : {16, 20}) bomb.replace(side, 4, std::string("\0\0\xff\xff", 4));
  file.set_encoded(bomb);
  EXPECT_EQ(CountImageTokens("images[1]", file, reading_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ImageInputTest, F3_ReadsTheHeaderOfABombWithin1MiB) {
  if (!kMemoryIsMeasurable) GTEST_SKIP() << "a sanitizer takes address space of its own";
  std::vector<std::string> bombs;
  bombs.push_back(*EncodeImage(Gradient(1, 1), {.format = ImageFormat::kPng}));
  for (const size_t side : {16, 20}) bombs[0].replace(side, 4, std::string("\0\0\xfa\xfa", 4));
  bombs.push_back(*EncodeImage(Gradient(1, 1), {.format = ImageFormat::kJpeg}));
  bombs[1].replace(bombs[1].find("\xff\xc0") + 5, 4, "\xfa\xfa\xfa\xfa");
  for (const std::string& bomb : bombs) {
    v1::ImageInput file;
    file.set_encoded(bomb);
    const auto refuse = [&] {
      // The process has its usual size when it looks at the first file.
      CountImageTokens("images[1]", file, reading_).status().IgnoreError();
      rlimit space = {};
      getrlimit(RLIMIT_AS, &space);
      space.rlim_cur = static_cast<rlim_t>(ReadProcessStats()->virtual_bytes) + (1 << 20);
      setrlimit(RLIMIT_AS, &space);
      void* const more = mmap(nullptr, 2 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (more != MAP_FAILED) std::_Exit(2);  // the limit does not hold
      std::_Exit(absl::IsInvalidArgument(CountImageTokens("images[1]", file, reading_).status()) ? 0 : 1);
    };
    EXPECT_EXIT(refuse(), ::testing::ExitedWithCode(0), "");
  }
}

class PatchDictTest : public ImageInputTest {
 protected:
  PatchDictTest() : image_(Gradient(3, 5)) {
    const absl::StatusOr<PatchSequence> patches = Read(Raw(image_));
    patches_ = patches->patches_ND;
    Fill(patches_, DType::kFloat32);
  }

  // A packed patch dict of 2 rows and 3 columns.
  void Fill(const at::Tensor& patches_ND, DType dtype) {
    *dict()->mutable_patches() = ToProtoTensor(patches_ND, dtype);
    *dict()->mutable_row_idx() = ProtoIndices({0, 0, 0, 1, 1, 1});
    *dict()->mutable_col_idx() = ProtoLongIndices({0, 1, 2, 0, 1, 2});
    dict()->set_original_height(3);
    dict()->set_original_width(5);
  }

  v1::PatchDict* dict() { return input_.mutable_patches(); }

  RgbImage image_;
  at::Tensor patches_;
  v1::ImageInput input_;
};

TEST_F(PatchDictTest, EqualsTheImageItWasMadeFrom) {
  const absl::StatusOr<PatchSequence> read = Read(input_);
  ASSERT_TRUE(read.ok()) << read.status();
  const absl::StatusOr<PatchSequence> from_raw = Read(Raw(image_));
  EXPECT_TRUE(at::equal(read->patches_ND, from_raw->patches_ND));
  EXPECT_TRUE(at::equal(read->row_N, from_raw->row_N));
  EXPECT_TRUE(at::equal(read->col_N, from_raw->col_N));
  EXPECT_EQ(read->geometry, from_raw->geometry);
}

TEST_F(PatchDictTest, LeavesMaskedTokensOut) {
  const at::Tensor padded = at::cat({patches_, at::full({2, kPatchValues}, std::numeric_limits<float>::quiet_NaN())});
  *dict()->mutable_patches() = ToProtoTensor(padded, DType::kFloat32);
  *dict()->mutable_row_idx() = ProtoIndices({0, 0, 0, 1, 1, 1, 0, 0});
  *dict()->mutable_col_idx() = ProtoIndices({0, 1, 2, 0, 1, 2, 0, 0});
  for (const v1::DType mask_type : {v1::DTYPE_BOOL, v1::DTYPE_UINT8}) {
    *dict()->mutable_patch_mask() = ProtoTensor(mask_type, {8}, std::string("\1\1\1\1\1\1\0\0", 8));
    const absl::StatusOr<PatchSequence> read = Read(input_);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(at::equal(read->patches_ND, patches_));
    EXPECT_TRUE(at::equal(read->row_N, at::tensor({0, 0, 0, 1, 1, 1}, at::kInt)));
  }
  *dict()->mutable_patch_mask() = ProtoTensor(v1::DTYPE_BOOL, {8}, std::string(8, '\0'));
  EXPECT_THAT(Error(input_), HasSubstr("must keep at least one token; keeps 0 of 8"));
  *dict()->mutable_patch_mask() = ProtoTensor(v1::DTYPE_BOOL, {7}, std::string(7, '\1'));
  EXPECT_THAT(Error(input_), HasSubstr("images[1].patches.patch_mask.shape must be [8]; was [7]"));
  *dict()->mutable_patch_mask() = ProtoTensor(v1::DTYPE_INT32, {8}, std::string(32, '\1'));
  EXPECT_THAT(Error(input_), HasSubstr("must be bool or uint8; was int32"));
}

TEST_F(PatchDictTest, TakesHalfPrecision) {
  Fill(patches_, DType::kFloat16);
  EXPECT_TRUE(at::equal(Read(input_)->patches_ND, patches_.to(at::kHalf).to(at::kFloat)));
  Fill(patches_, DType::kBfloat16);
  EXPECT_TRUE(at::equal(Read(input_)->patches_ND, patches_.to(at::kBFloat16)));
}

TEST_F(PatchDictTest, F6_RefusesWhatDoesNotFitTheModelOrItself) {
  Fill(at::zeros({6, kPatchValues + 1}), DType::kFloat32);
  EXPECT_THAT(Error(input_),
              HasSubstr("images[1].patches.patches.shape must be [N, 12] for patch side 2; was [6, 13]"));
  Fill(at::zeros({5, kPatchValues}), DType::kFloat32);
  EXPECT_THAT(Error(input_), HasSubstr("images[1].patches.row_idx.shape must be [5]; was [6]"));
  Fill(at::zeros({40, kPatchValues}), DType::kFloat32);
  EXPECT_THAT(Error(input_), HasSubstr("at most 32 tokens (max_image_tokens); was 40"));
  Fill(patches_, DType::kFloat32);
  dict()->set_grid_rows(4);
  EXPECT_THAT(Error(input_), HasSubstr("grid of 4 rows and 3 columns"));
  dict()->set_grid_rows(0);
  dict()->set_original_width(7);
  EXPECT_THAT(Error(input_), HasSubstr("width between 0 and that of its grid, 3 * 2 = 6 px; was 7"));
  Fill(patches_, DType::kFloat32);
  *dict()->mutable_col_idx() = ProtoIndices({0, 1, 2, 0, 1, 1});
  EXPECT_THAT(Error(input_), HasSubstr("tokens 4 and 5 are both at row 1, column 1"));
  dict()->clear_col_idx();
  Error(input_);
}

TEST_F(PatchDictTest, F8_RefusesNonfinitePixelsUnlessAllowed) {
  at::Tensor broken = patches_.clone();
  broken[5][11] = std::numeric_limits<float>::infinity();
  Fill(broken, DType::kFloat32);
  EXPECT_THAT(Error(input_), HasSubstr("images[1].patches.patches must be finite"));
  reading_.allow_nonfinite = true;
  EXPECT_TRUE(Read(input_).ok());
}

}  // namespace
}  // namespace vitok
