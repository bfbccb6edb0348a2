#include "client/bench/input_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "client/bench/random_latents.h"
#include "core/image/codec.h"
#include "vitok/v1/tokenizer.pb.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

ModelInfo TestModel() {
  ModelInfo model;
  model.patch_px = 16;
  model.latent_channels = 4;
  model.dtype = DType::kFloat16;
  return model;
}

absl::StatusOr<Latents> NoEncoding(ImageInput) { return absl::InternalError("must not be called"); }

template <typename Message>
Message Parse(const PreparedRequest& request) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(request.message.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  EXPECT_EQ(bytes.size(), request.message_bytes);
  Message message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

InputPoolOptions Options(const char* sizes) {
  InputPoolOptions options;
  options.requests = 4;
  options.sizes = *SizeDistribution::Parse(sizes);
  return options;
}

std::vector<PreparedRequest> MakePool(const InputPoolOptions& options) {
  auto pool = MakeInputPool(options, TestModel(), NoEncoding);
  EXPECT_TRUE(pool.ok()) << pool.status();
  return *std::move(pool);
}

PictureBytes MakePicture(int32_t width_px, int32_t height_px) {
  return {"picture", *EncodeImage(RgbImage(height_px, width_px), {.format = ImageFormat::kPng})};
}

TEST(InputPoolTest, MakesRawImagesOfTheSizesAskedFor) {
  InputPoolOptions options = Options("20x10:0.5,8:0.5");
  options.items = 3;
  options.encode.model = "m";
  std::map<int64_t, int> counts;
  for (const PreparedRequest& request : MakePool(options)) {
    const auto message = Parse<v1::EncodeRequest>(request);
    EXPECT_EQ(message.model(), "m");
    ASSERT_EQ(message.images_size(), 3);
    for (int i = 0; i < 3; ++i) {
      const v1::Tensor& raw = message.images(i).raw();
      EXPECT_EQ(raw.data().size(), raw.shape(0) * raw.shape(1) * 3);
      EXPECT_EQ(request.item_pixels[i], raw.shape(0) * raw.shape(1));
      ++counts[raw.shape(1)];  // width
    }
  }
  EXPECT_EQ(counts[20], 6);
  EXPECT_EQ(counts[8], 6);
}

TEST(InputPoolTest, MakesFilesOfSyntheticImages) {
  for (const auto& [form, format] :
       {std::pair(InputForm::kJpeg, ImageFormat::kJpeg), std::pair(InputForm::kPng, ImageFormat::kPng)}) {
    InputPoolOptions options = Options("200x100");
    options.form = form;
    options.method = BenchMethod::kReconstruct;
    options.reconstruct.format = PixelFormat::kPng;
    const auto message = Parse<v1::ReconstructRequest>(MakePool(options)[0]);
    EXPECT_EQ(message.picture().format(), v1::PIXEL_FORMAT_PNG);
    const ImageHeader header = *ReadImageHeader(message.images(0).encoded());
    EXPECT_EQ(header.format, format);
    EXPECT_EQ(header.width_px, 200);
    EXPECT_LT(message.images(0).encoded().size(), 200 * 100 * 3);
  }
}

TEST(InputPoolTest, MakesTheSameRequestsForTheSameSeed) {
  InputPoolOptions options = Options("uniform:1-40");
  const auto first = MakePool(options), same = MakePool(options);
  options.seed = 2;
  const auto other = MakePool(options);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Parse<v1::EncodeRequest>(first[i]).SerializeAsString(),
              Parse<v1::EncodeRequest>(same[i]).SerializeAsString());
  }
  EXPECT_NE(Parse<v1::EncodeRequest>(first[0]).SerializeAsString(),
            Parse<v1::EncodeRequest>(other[0]).SerializeAsString());
}

TEST(InputPoolTest, SendsEachPictureEquallyOftenAsTheFileItIs) {
  InputPoolOptions options;
  options.requests = 3;
  options.items = 2;
  options.form = InputForm::kFile;
  options.pictures = {MakePicture(10, 20), MakePicture(30, 40), MakePicture(50, 60)};
  std::map<std::string, int> counts;
  for (const PreparedRequest& request : MakePool(options)) {
    const auto message = Parse<v1::EncodeRequest>(request);
    for (const v1::ImageInput& image : message.images()) ++counts[image.encoded()];
  }
  for (const PictureBytes& picture : options.pictures) EXPECT_EQ(counts[picture.bytes], 2);
}

TEST(InputPoolTest, SendsThePixelsOfPicturesIfAsked) {
  InputPoolOptions options;
  options.requests = 1;
  options.pictures = {MakePicture(10, 20)};
  const auto pool = MakePool(options);
  const auto message = Parse<v1::EncodeRequest>(pool[0]);
  EXPECT_THAT(message.images(0).raw().shape(), ElementsAre(20, 10, 3));
  EXPECT_THAT(pool[0].item_pixels, ElementsAre(200));
}

TEST(InputPoolTest, NamesAPictureThatIsNone) {
  InputPoolOptions options;
  options.pictures = {{"folder/text.png", "not a picture"}};
  const absl::Status status = MakeInputPool(options, TestModel(), NoEncoding).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("folder/text.png: "));
}

TEST(InputPoolTest, MakesRandomLatentsOfTheModelsShape) {
  InputPoolOptions options = Options("40x20");
  options.method = BenchMethod::kDecode;
  options.decode.format = PixelFormat::kJpeg;
  options.decode.quality = 80;
  const auto pool = MakePool(options);
  const auto message = Parse<v1::DecodeRequest>(pool[0]);
  EXPECT_EQ(message.picture().format(), v1::PIXEL_FORMAT_JPEG);
  EXPECT_EQ(message.picture().quality(), 80);
  const v1::Latents& latents = message.latents(0);
  EXPECT_EQ(latents.z().dtype(), v1::DTYPE_FLOAT16);
  EXPECT_THAT(latents.z().shape(), ElementsAre(2 * 3, 4));
  EXPECT_EQ(latents.z().data().size(), 2 * 3 * 4 * 2);
  EXPECT_EQ(latents.grid_rows(), 2);
  EXPECT_EQ(latents.grid_cols(), 3);
  EXPECT_EQ(latents.height_px(), 20);
  EXPECT_EQ(latents.width_px(), 40);
  EXPECT_THAT(pool[0].item_pixels, ElementsAre(800));
}

TEST(InputPoolTest, EncodesImagesForLatentsIfAsked) {
  InputPoolOptions options = Options("40x20");
  options.method = BenchMethod::kDecode;
  options.latents = LatentSource::kEncoded;
  const auto pool = MakeInputPool(options, TestModel(), [](ImageInput image) -> absl::StatusOr<Latents> {
    Latents latents;
    latents.z = {DType::kFloat32, {1, 1}, "abcd"};
    latents.height_px = std::get<RgbImage>(image).height_px;
    latents.width_px = std::get<RgbImage>(image).width_px;
    return latents;
  });
  ASSERT_TRUE(pool.ok()) << pool.status();
  EXPECT_EQ(Parse<v1::DecodeRequest>((*pool)[3]).latents(0).z().data(), "abcd");
  EXPECT_THAT((*pool)[3].item_pixels, ElementsAre(800));
  EXPECT_EQ(MakeInputPool(options, TestModel(), NoEncoding).status(), absl::InternalError("must not be called"));
}

TEST(InputPoolTest, RefusesRequestsThatNeedTooMuchMemory) {
  InputPoolOptions options = Options("16");
  options.max_bytes = 2000;
  const absl::Status status = MakeInputPool(options, TestModel(), NoEncoding).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the first 3 of 4 requests have "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("all together may have 2000"));
  // Before anything so large is made.
  options = Options("65535");
  EXPECT_THAT(std::string(MakeInputPool(options, TestModel(), NoEncoding).status().message()),
              HasSubstr("an image of 65535x65535 needs more than the 2147483648 bytes"));
}

TEST(RandomLatentsTest, AreFiniteOfModerateSizeAndBothSignsInEveryType) {
  Random random(1);
  for (DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBfloat16}) {
    const Latents latents = MakeRandomLatents({160, 160}, 16, 8, dtype, &random);
    const size_t bytes = SizeInBytes(dtype);
    ASSERT_EQ(latents.z.data.size(), 100 * 8 * bytes);
    int negative = 0;
    for (size_t at = 0; at < latents.z.data.size(); at += bytes) {
      uint32_t bits = 0;
      std::memcpy(&bits, &latents.z.data[at], bytes);
      if (bytes == 2 && dtype == DType::kFloat16) {
        const double magnitude = std::ldexp(1.0 + (bits & 0x3ff) / 1024.0, static_cast<int>((bits >> 10) & 31) - 15);
        EXPECT_GE(magnitude, 0.25);
        EXPECT_LT(magnitude, 2);
        negative += static_cast<int>(bits >> 15);
        continue;
      }
      if (bytes == 2) bits <<= 16;  // bfloat16 is the upper half of a float32
      float value = 0;
      std::memcpy(&value, &bits, sizeof(value));
      EXPECT_GE(std::abs(value), 0.25f);
      EXPECT_LT(std::abs(value), 2.0f);
      negative += value < 0 ? 1 : 0;
    }
    EXPECT_NEAR(negative, 400, 80);
  }
}

}  // namespace
}  // namespace vitok
