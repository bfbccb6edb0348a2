// The server with the embedded model in place of the fake.
#include <gmock/gmock.h>

#include "core/model/load_autoencoder.h"
#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

class ModelServerTest : public ServerTest, public ::testing::WithParamInterface<Precision> {
 protected:
  ModelServerTest() {
    load_ = &LoadAutoencoder;
    options_.models[0].load = {.folder = "models/tiny-f16x64", .precision = GetParam()};
  }
};

TEST_P(ModelServerTest, EncodeThenDecodeEqualsReconstructBitForBit) {
  StartServer();
  v1::EncodeRequest encode = EncodeOf(Raw(Image(40, 70)), Raw(Image(16, 16, 2)), Raw(Image(1, 33, 3)));
  v1::EncodeResponse latents;
  ASSERT_TRUE(Encode(encode, &latents).ok());
  v1::DecodeRequest decode;
  v1::ReconstructRequest reconstruct;
  decode.mutable_picture()->set_format(v1::PIXEL_FORMAT_FLOAT32);
  *reconstruct.mutable_picture() = decode.picture();
  *reconstruct.mutable_images() = encode.images();
  for (const v1::EncodeResult& result : latents.results()) {
    EXPECT_EQ(result.latents().z().dtype(), ToProto(StorageDType(GetParam())));
    *decode.add_latents() = result.latents();
  }
  v1::DecodeResponse decoded;
  v1::ReconstructResponse reconstructed;
  ASSERT_TRUE(Decode(decode, &decoded).ok());
  ASSERT_TRUE(Reconstruct(reconstruct, &reconstructed).ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(decoded.results(i).picture().SerializeAsString(), reconstructed.results(i).picture().SerializeAsString());
  }
}

TEST_P(ModelServerTest, RawAndPatchDictGiveIdenticalLatents) {
  StartServer();
  const RgbImage image = Image(40, 70);
  const PatchSequence patches = *Preprocessor::Parse("to_tensor|normalize|patchify(16, 64)")->Run(image);
  v1::ImageInput dict;
  *dict.mutable_patches()->mutable_patches() = ToProtoTensor(patches.patches_ND, DType::kFloat32);
  *dict.mutable_patches()->mutable_row_idx() = ToProtoTensor(patches.row_N, DType::kInt32);
  *dict.mutable_patches()->mutable_col_idx() = ToProtoTensor(patches.col_N, DType::kInt32);
  dict.mutable_patches()->set_original_height(40);
  dict.mutable_patches()->set_original_width(70);
  v1::EncodeResponse from_raw, from_dict;
  ASSERT_TRUE(Encode(EncodeOf(Raw(image)), &from_raw).ok());
  ASSERT_TRUE(Encode(EncodeOf(dict), &from_dict).ok());
  EXPECT_EQ(from_raw.results(0).latents().SerializeAsString(), from_dict.results(0).latents().SerializeAsString());
}

TEST_P(ModelServerTest, F8_ABadItemLeavesTheBytesOfItsMatesUnchanged) {
  StartServer();
  v1::EncodeResponse clean, mixed;
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(40, 70)), Raw(Image(16, 16, 2))), &clean).ok());
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(40, 70)), v1::ImageInput(), Raw(Image(16, 16, 2))), &mixed).ok());
  EXPECT_EQ(mixed.results(1).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(mixed.results(0).latents().SerializeAsString(), clean.results(0).latents().SerializeAsString());
  EXPECT_EQ(mixed.results(2).latents().SerializeAsString(), clean.results(1).latents().SerializeAsString());
}

TEST_P(ModelServerTest, StagesAddUpToTheWhole) {
  StartServer();
  v1::ReconstructRequest request;
  *request.add_images() = Raw(Image(256, 256));
  v1::ReconstructResponse response;
  ASSERT_TRUE(Reconstruct(request, &response).ok());
  const v1::Timings& timings = response.results(0).timings();
  const int64_t sum = timings.preprocess_ns() + timings.queue_ns() + timings.host_to_device_ns() +
                      timings.compute_ns() + timings.device_to_host_ns() + timings.postprocess_ns();
  EXPECT_NEAR(sum, timings.total_ns(), 6) << "each stage is cut to whole nanoseconds";
  EXPECT_GT(timings.compute_ns(), 0);
}

INSTANTIATE_TEST_SUITE_P(Precisions, ModelServerTest, ::testing::Values(Precision::kFloat32, Precision::kBfloat16),
                         [](const auto& info) { return std::string(PrecisionName(info.param)); });

}  // namespace
}  // namespace vitok
