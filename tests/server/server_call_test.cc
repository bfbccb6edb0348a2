// What calls do when all is well: results, formats, batching, timings, metadata, metrics.
#include <gmock/gmock.h>

#include "core/base/version.h"
#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ServerTest, EncodeThenDecodeEqualsReconstruct) {
  StartServer();
  const RgbImage image = Image(7, 5);
  for (const v1::LatentLayout layout : {v1::LATENT_LAYOUT_PACKED, v1::LATENT_LAYOUT_GRID}) {
    v1::EncodeRequest encode = EncodeOf(Raw(image));
    encode.set_latent_layout(layout);
    v1::EncodeResponse latents;
    ASSERT_TRUE(Encode(encode, &latents).ok());
    EXPECT_EQ(latents.results(0).tokens(), 4 * 3);
    v1::DecodeRequest decode;
    *decode.add_latents() = latents.results(0).latents();
    decode.mutable_picture()->set_format(v1::PIXEL_FORMAT_FLOAT32);
    v1::DecodeResponse decoded;
    ASSERT_TRUE(Decode(decode, &decoded).ok());
    v1::ReconstructRequest reconstruct;
    *reconstruct.add_images() = Raw(image);
    *reconstruct.mutable_picture() = decode.picture();
    v1::ReconstructResponse reconstructed;
    ASSERT_TRUE(Reconstruct(reconstruct, &reconstructed).ok());
    EXPECT_EQ(decoded.results(0).picture().SerializeAsString(), reconstructed.results(0).picture().SerializeAsString());
  }
}

TEST_F(ServerTest, AnswersInEveryPixelFormat) {
  StartServer();
  const RgbImage image = Image(7, 5);
  const std::string bytes(image.pixels_HWC.begin(), image.pixels_HWC.end());
  const auto picture = [&](v1::PixelFormat format) {
    v1::ReconstructRequest request;
    *request.add_images() = Raw(image);
    request.mutable_picture()->set_format(format);
    v1::ReconstructResponse response;
    EXPECT_TRUE(Reconstruct(request, &response).ok());
    EXPECT_EQ(response.results(0).picture().height_px(), 7);
    EXPECT_EQ(response.results(0).picture().width_px(), 5);
    return response.results(0).picture();
  };
  EXPECT_EQ(picture(v1::PIXEL_FORMAT_UNSPECIFIED).tensor().data(), bytes);
  const v1::Tensor u8 = picture(v1::PIXEL_FORMAT_UINT8).tensor();
  EXPECT_EQ(u8.data(), bytes);
  EXPECT_THAT(u8.shape(), ElementsAre(7, 5, 3));
  for (const v1::PixelFormat format : {v1::PIXEL_FORMAT_FLOAT32, v1::PIXEL_FORMAT_FLOAT16, v1::PIXEL_FORMAT_BFLOAT16}) {
    const v1::Tensor values = picture(format).tensor();
    EXPECT_THAT(values.shape(), ElementsAre(3, 7, 5));
    const absl::StatusOr<at::Tensor> view = ViewFloats("x", values);
    ASSERT_TRUE(view.ok());
    const at::Tensor pixels = at::from_blob(const_cast<uint8_t*>(image.pixels_HWC.data()), {7, 5, 3}, at::kByte);
    const at::Tensor expected = pixels.permute({2, 0, 1}).to(at::kFloat) / 127.5 - 1;
    EXPECT_TRUE(at::allclose(view->to(at::kFloat), expected, 1e-2, 1e-2));
  }
  EXPECT_EQ(DecodeImage(picture(v1::PIXEL_FORMAT_PNG).encoded())->pixels_HWC, image.pixels_HWC);
  EXPECT_EQ(DecodeImage(picture(v1::PIXEL_FORMAT_JPEG).encoded())->width_px, 5);
  EXPECT_EQ(DecodeImage(picture(v1::PIXEL_FORMAT_WEBP).encoded())->height_px, 7);
}

TEST_F(ServerTest, FileRawAndPatchDictGiveTheSameLatents) {
  StartServer();
  const RgbImage image = Image(7, 5);
  v1::ImageInput file, dict;
  file.set_encoded(*EncodeImage(image, {.format = ImageFormat::kPng}));
  const PatchSequence patches = *Preprocessor::Parse("to_tensor|normalize|patchify(2, 64)")->Run(image);
  *dict.mutable_patches()->mutable_patches() = ToProtoTensor(patches.patches_ND, DType::kFloat32);
  *dict.mutable_patches()->mutable_row_idx() = ToProtoTensor(patches.row_N, DType::kInt32);
  *dict.mutable_patches()->mutable_col_idx() = ToProtoTensor(patches.col_N, DType::kInt64);
  dict.mutable_patches()->set_original_height(7);
  dict.mutable_patches()->set_original_width(5);
  v1::EncodeResponse response;
  ASSERT_TRUE(Encode(EncodeOf(Raw(image), file, dict), &response).ok());
  for (int i : {1, 2}) {
    EXPECT_EQ(response.results(i).latents().SerializeAsString(), response.results(0).latents().SerializeAsString());
  }
}

TEST_F(ServerTest, UsesThePipelineOfTheRequest) {
  StartServer();
  v1::EncodeRequest request = EncodeOf(Raw(Image(16, 8)));
  request.set_preprocess("center_crop(4)|to_tensor|normalize|patchify(2, 64)");
  v1::EncodeResponse response;
  ASSERT_TRUE(Encode(request, &response).ok());
  EXPECT_EQ(response.results(0).tokens(), 4);
}

TEST_F(ServerTest, BatchesTheItemsOfARequestTogetherWithinTheBudget) {
  options_.batching.max_batch_tokens = 10;
  StartServer();
  v1::EncodeResponse response;
  // 4, 6, 1, 16 and 2 tokens.
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(4, 4)), Raw(Image(4, 6)), Raw(Image(1, 1)), Raw(Image(8, 8)), Raw(Image(2, 4))),
                     &response)
                  .ok());
  EXPECT_THAT(control_->batches(), ElementsAre(ElementsAre(4, 6), ElementsAre(1, 2), ElementsAre(16)));
}

TEST_F(ServerTest, TimesEveryStageAndTheWhole) {
  StartServer();
  v1::EncodeResponse response;
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(4, 4)), Raw(Image(8, 8))), &response).ok());
  for (const v1::EncodeResult& result : response.results()) {
    const v1::Timings& timings = result.timings();
    EXPECT_GT(timings.preprocess_ns(), 0);
    EXPECT_GT(timings.queue_ns(), 0);
    EXPECT_EQ(timings.host_to_device_ns(), 1000);
    EXPECT_EQ(timings.compute_ns(), 2000);
    EXPECT_EQ(timings.device_to_host_ns(), 3000);
    EXPECT_GT(timings.postprocess_ns(), 0);
    EXPECT_GE(timings.total_ns(), timings.preprocess_ns() + timings.queue_ns() + timings.postprocess_ns());
  }
  const int64_t slowest = std::max(response.results(0).timings().total_ns(), response.results(1).timings().total_ns());
  EXPECT_EQ(response.timings().total_ns(), slowest);
}

TEST_F(ServerTest, DescribesItsModelsAndLimits) {
  options_.models.push_back({.name = "half", .load = {.folder = "decoder"}});
  load_ = [this](const LoadOptions& options) {
    auto tokenizer = std::make_unique<FakeTokenizer>(kPatch, control_);
    tokenizer->mutable_info().can_encode = options.folder != "decoder";
    return tokenizer;
  };
  StartServer();
  grpc::ClientContext list_context;
  v1::ListModelsResponse list;
  ASSERT_TRUE(stub_->ListModels(&list_context, {}, &list).ok());
  ASSERT_EQ(list.models_size(), 2);
  EXPECT_EQ(list.models(0).name(), "fake");
  EXPECT_EQ(list.models(0).variant(), "fake");
  EXPECT_EQ(list.models(0).patch_px(), 2);
  EXPECT_EQ(list.models(0).latent_channels(), 12);
  EXPECT_EQ(list.models(0).dtype(), v1::DTYPE_FLOAT32);
  EXPECT_EQ(list.models(0).device(), "cpu");
  EXPECT_EQ(list.models(0).preprocess(), "to_tensor|normalize(minus_one_to_one)|patchify(2, 65536)");
  EXPECT_TRUE(list.models(0).is_default());
  EXPECT_FALSE(list.models(1).is_default());
  EXPECT_FALSE(list.models(1).can_encode());

  grpc::ClientContext info_context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub_->GetServerInfo(&info_context, {}, &info).ok());
  EXPECT_EQ(info.version(), Version());
  EXPECT_THAT(info.build(), HasSubstr("torch "));
  EXPECT_EQ(info.models_size(), 2);
  EXPECT_EQ(info.limits().max_message_bytes(), 67108864);
  EXPECT_EQ(info.limits().max_queued_tokens(), 1048576);

  v1::EncodeRequest request = EncodeOf(Raw(Image(2, 2)));
  request.set_model("half");
  const grpc::Status status = Encode(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("model 'half' has no encoder loaded"));
}

TEST_F(ServerTest, CountsWhatItDoes) {
  options_.models[0].load.attend_padding_to = 6;
  StartServer();
  v1::EncodeResponse response;
  const v1::EncodeRequest request = EncodeOf(Raw(Image(4, 4)), Raw(Image(8, 8)));
  ASSERT_TRUE(Encode(request, &response).ok());
  EXPECT_EQ(Encode(EncodeOf(v1::ImageInput())).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Metric("vitok_requests_total{code=\"OK\",method=\"Encode\",model=\"fake\",version=\"1\"}"), 1);
  EXPECT_EQ(Metric("vitok_requests_total{code=\"INVALID_ARGUMENT\",method=\"Encode\",model=\"fake\",version=\"1\"}"),
            1);
  EXPECT_EQ(Metric("vitok_request_duration_seconds_count{method=\"Encode\",model=\"fake\",version=\"1\"}"), 2);
  EXPECT_EQ(
      Metric("vitok_stage_duration_seconds_count{method=\"Encode\",model=\"fake\",stage=\"compute\",version=\"1\"}"),
      2);
  EXPECT_EQ(Metric("vitok_queue_wait_seconds_count{model=\"fake\",version=\"1\"}"), 2);
  EXPECT_EQ(Metric("vitok_batch_images_sum{model=\"fake\",version=\"1\"}"), 2);
  EXPECT_EQ(Metric("vitok_batch_tokens_sum{model=\"fake\",version=\"1\"}"), 20);
  EXPECT_EQ(Metric("vitok_padded_tokens_total{model=\"fake\",version=\"1\"}"), 2);
  EXPECT_EQ(Metric("vitok_images_total{method=\"Encode\",model=\"fake\",version=\"1\"}"), 2);
  EXPECT_EQ(Metric("vitok_tokens_total{method=\"Encode\",model=\"fake\",version=\"1\"}"), 20);
  EXPECT_EQ(Metric("vitok_queued_requests{device=\"cpu\"}"), 0);
  EXPECT_EQ(Metric("vitok_queued_tokens{device=\"cpu\"}"), 0);
  EXPECT_GE(Metric("vitok_payload_bytes_total{direction=\"in\"}"), 3 * 80);
  EXPECT_GE(Metric("vitok_payload_bytes_total{direction=\"out\"}"), 20 * 12 * 4);
}

TEST_F(ServerTest, NamesEveryRequestInItsInitialMetadata) {
  StartServer();
  std::vector<std::string> ids;
  for (int i = 0; i < 2; ++i) {
    grpc::ClientContext context;
    v1::EncodeResponse response;
    ASSERT_TRUE(stub_->Encode(&context, EncodeOf(Raw(Image(2, 2))), &response).ok());
    const auto found = context.GetServerInitialMetadata().find("x-request-id");
    ASSERT_NE(found, context.GetServerInitialMetadata().end());
    ids.emplace_back(found->second.data(), found->second.size());
  }
  EXPECT_NE(ids[0], ids[1]);
}

}  // namespace
}  // namespace vitok
