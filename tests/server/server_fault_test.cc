// Bad input and faults (docs/ARCHITECTURE.md, "Errors"): the stated code, a message that names thing, value and bound,
// and good service afterwards.
#include <gmock/gmock.h>

#include <limits>
#include <stdexcept>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(ServerTest, F1_RefusesAnUnknownModelAndListsTheLoadedOnes) {
  StartServer();
  v1::EncodeRequest request = EncodeOf(Raw(Image(2, 2)));
  request.set_model(std::string(100'000, 'x'));
  const grpc::Status status = Encode(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("no model 'xxx"), HasSubstr("loaded: fake")));
  EXPECT_EQ(Metric("vitok_requests_total{code=\"NOT_FOUND\",method=\"Encode\",model=\"unknown\",version=\"0\"}"), 1);
  ExpectGoodService();
}

TEST_F(ServerTest, F6_RefusesRequestsWithoutOrWithTooManyItems) {
  options_.limits.max_images_per_request = 2;
  StartServer();
  ExpectInvalid(Encode(v1::EncodeRequest()), "images");
  v1::DecodeResponse decoded;
  ExpectInvalid(Decode(v1::DecodeRequest(), &decoded), "latents");
  const grpc::Status status = Encode(EncodeOf(Raw(Image(2, 2)), Raw(Image(2, 2)), Raw(Image(2, 2))));
  EXPECT_THAT(status.error_message(), HasSubstr("between 1 and 2 entries (max_images_per_request); has 3"));
  ExpectInvalid(status, "images");
}

TEST_F(ServerTest, F2_RefusesWhatIsNoPicture) {
  StartServer();
  v1::ImageInput input;
  ExpectInvalid(Encode(EncodeOf(input)), "images[0]");
  for (const std::string& bytes :
       {std::string(), std::string("GIF89a"), EncodeImage(Image(40, 40), {.format = ImageFormat::kPng})->substr(0, 900),
        EncodeImage(Image(40, 40), {.format = ImageFormat::kJpeg})->substr(0, 900)}) {
    input.set_encoded(bytes);
    ExpectInvalid(Encode(EncodeOf(input)), "images[0].encoded");
  }
}

TEST_F(ServerTest, F2_TakesPicturesOfOnePixelAndOneRow) {
  StartServer();
  for (const RgbImage& image : {Image(1, 1), Image(1, 9), Image(9, 1)}) {
    v1::ImageInput file;
    file.set_encoded(*EncodeImage(image, {.format = ImageFormat::kPng}));
    v1::ReconstructRequest request;
    *request.add_images() = file;
    v1::ReconstructResponse response;
    const grpc::Status status = Reconstruct(request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.results(0).picture().tensor().data(),
              std::string(image.pixels_HWC.begin(), image.pixels_HWC.end()));
  }
}

TEST_F(ServerTest, F3_RefusesADecompressionBombFromItsHeader) {
  StartServer();
  std::string bomb = *EncodeImage(Image(1, 1), {.format = ImageFormat::kPng});
  for (const size_t side : {16, 20}) bomb.replace(side, 4, std::string("\0\0\xff\xff", 4));
  const uint32_t crc = [&bomb] {  // of the changed IHDR
    uint32_t value = ~0U;
    for (size_t i = 12; i < 29; ++i) {
      value ^= static_cast<uint8_t>(bomb[i]);
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xEDB88320U : 0);
    }
    return ~value;
  }();
  for (int i = 0; i < 4; ++i) bomb[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  v1::ImageInput input;
  input.set_encoded(bomb);
  const grpc::Status status = Encode(EncodeOf(input));
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("67108864"), HasSubstr("65535")));
  ExpectInvalid(status, "images[0].encoded");
}

TEST_F(ServerTest, F4_RefusesImagesAndLatentsAboveTheTokenLimitBeforeTheQueue) {
  options_.limits.max_image_tokens = 30;
  StartServer();
  const grpc::Status status = Encode(EncodeOf(Raw(Image(10, 14))));
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("35"), HasSubstr("30")));
  ExpectInvalid(status, "images[0].raw");
  v1::DecodeRequest decode;
  *decode.add_latents()->mutable_z() = ToProtoTensor(at::zeros({12, 5, 7}), DType::kFloat32);
  v1::DecodeResponse response;
  ExpectInvalid(Decode(decode, &response), "latents[0]");
  EXPECT_EQ(control_->batches().size(), 2);  // of ExpectGoodService
}

TEST_F(ServerTest, F5_RefusesAMessageAboveTheCapAndKeepsTheConnection) {
  options_.limits.max_message_bytes = 100'000;
  StartServer();
  v1::ImageInput input;
  input.set_encoded(std::string(200'000, 'x'));
  const grpc::Status status = Encode(EncodeOf(input));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("2000"), HasSubstr("100000")));
  EXPECT_FALSE(HasDetail<google::rpc::RetryInfo>(status));
  ExpectGoodService();
}

TEST_F(ServerTest, F6_RefusesTensorsThatContradictThemselves) {
  StartServer();
  v1::ImageInput input = Raw(Image(4, 4));
  input.mutable_raw()->set_shape(0, 5);
  ExpectInvalid(Encode(EncodeOf(input)), "images[0].raw.data");
  input.mutable_raw()->set_shape(0, -4);
  ExpectInvalid(Encode(EncodeOf(input)), "images[0].raw.shape");
  input.mutable_raw()->set_shape(0, int64_t{1} << 62);
  ExpectInvalid(Encode(EncodeOf(input)), "images[0].raw.shape");
  input = Raw(Image(4, 4));
  input.mutable_raw()->set_dtype(v1::DTYPE_INT64);
  ExpectInvalid(Encode(EncodeOf(input)), "images[0].raw.dtype");
}

TEST_F(ServerTest, F7_RefusesTokensThatAreNotOneACell) {
  StartServer();
  const auto decode = [this](std::vector<int32_t> rows, std::vector<int32_t> cols, int grid_rows, int grid_cols) {
    v1::DecodeRequest request;
    v1::Latents* latents = request.add_latents();
    *latents->mutable_z() = ToProtoTensor(at::zeros({4, 12}), DType::kFloat32);
    if (!rows.empty()) *latents->mutable_row_idx() = ProtoIndices(rows);
    if (!cols.empty()) *latents->mutable_col_idx() = ProtoIndices(cols);
    latents->set_grid_rows(grid_rows);
    latents->set_grid_cols(grid_cols);
    v1::DecodeResponse response;
    return Decode(request, &response);
  };
  EXPECT_TRUE(decode({0, 0, 1, 1}, {0, 1, 0, 1}, 2, 2).ok());
  ExpectInvalid(decode({0, 0, 1, 2}, {0, 1, 0, 1}, 2, 2), "latents[0].row_idx[3]");
  ExpectInvalid(decode({0, 0, 1, 1}, {0, 1, 0, 0}, 2, 2), "latents[0]");
  ExpectInvalid(decode({0, 0, 1, 1}, {0, 1, 0, 1}, 3, 2), "latents[0]");
  ExpectInvalid(decode({}, {}, 3, 2), "latents[0]");
  ExpectInvalid(decode({}, {}, 0, 0), "latents[0]");
}

TEST_F(ServerTest, F23_RefusesOptionsThatMeanNothing) {
  StartServer();
  v1::EncodeRequest encode = EncodeOf(Raw(Image(4, 4)));
  encode.set_latent_dtype(v1::DTYPE_UINT8);
  ExpectInvalid(Encode(encode), "latent_dtype");
  encode = EncodeOf(Raw(Image(4, 4)));
  for (const char* pipeline :
       {"explode(3)", "to_tensor|normalize", "to_tensor|normalize|patchify(4, 64)",
        "center_crop(60000)|to_tensor|normalize|patchify(2, 64)",
        "random_choice(['center_crop(60000)'], [1])|to_tensor|patchify(2, 64)",
        "flip|to_tensor|normalize|patchify(2, 64)", "random_resized_crop(4)|to_tensor|normalize|patchify(2, 64)",
        "random_choice(['center_crop(2)', 'identity'], [1, 1])|to_tensor|patchify(2, 64)"}) {
    encode.set_preprocess(pipeline);
    ExpectInvalid(Encode(encode), "preprocess");
  }
  encode.set_preprocess("flip(1)|to_tensor|normalize|resize_to_token_budget(2, 64)|patchify(2, 64)");
  EXPECT_TRUE(Encode(encode).ok());
  v1::ReconstructRequest reconstruct;
  *reconstruct.add_images() = Raw(Image(4, 4));
  v1::ReconstructResponse response;
  reconstruct.mutable_picture()->set_quality(102);
  ExpectInvalid(Reconstruct(reconstruct, &response), "picture.quality");
  reconstruct.mutable_picture()->set_quality(0);
  reconstruct.mutable_picture()->set_format(static_cast<v1::PixelFormat>(77));
  ExpectInvalid(Reconstruct(reconstruct, &response), "picture.format");
}

TEST_F(ServerTest, F8_ABadItemFailsAloneAndLeavesItsMatesUntouched) {
  StartServer();
  v1::ImageInput bad;
  v1::PatchDict* dict = bad.mutable_patches();
  *dict->mutable_patches() = ToProtoTensor(at::full({1, 12}, std::numeric_limits<float>::quiet_NaN()), DType::kFloat32);
  *dict->mutable_row_idx() = ProtoIndices({0});
  *dict->mutable_col_idx() = ProtoIndices({0});
  v1::EncodeResponse clean, mixed;
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(4, 4)), Raw(Image(6, 2))), &clean).ok());
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(4, 4)), bad, v1::ImageInput(), Raw(Image(6, 2))), &mixed).ok());
  EXPECT_EQ(mixed.results(1).status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(BlamedField(mixed.results(1).status()), "images[1].patches.patches");
  EXPECT_FALSE(mixed.results(1).has_latents());
  EXPECT_EQ(BlamedField(mixed.results(2).status()), "images[2]");
  EXPECT_EQ(mixed.results(0).latents().SerializeAsString(), clean.results(0).latents().SerializeAsString());
  EXPECT_EQ(mixed.results(3).latents().SerializeAsString(), clean.results(1).latents().SerializeAsString());
  EXPECT_EQ(control_->batches()[0], control_->batches()[1]);
  ExpectGoodService();
}

TEST_F(ServerTest, F8_PassesNonfiniteValuesOnWhenAllowed) {
  StartServer();
  v1::DecodeRequest request;
  v1::Latents* latents = request.add_latents();
  *latents->mutable_z() = ToProtoTensor(at::full({1, 12}, std::numeric_limits<float>::infinity()), DType::kFloat32);
  latents->set_grid_rows(1);
  latents->set_grid_cols(1);
  request.mutable_picture()->set_format(v1::PIXEL_FORMAT_FLOAT32);
  v1::DecodeResponse response;
  ExpectInvalid(Decode(request, &response), "latents[0].z");
  request.set_allow_nonfinite(true);
  EXPECT_TRUE(Decode(request, &response).ok());
}

TEST_F(ServerTest, F9_ANonfiniteResultOfFiniteInputIsAnInternalErrorOfThatItem) {
  StartServer();
  v1::ImageInput poison;
  v1::PatchDict* dict = poison.mutable_patches();
  *dict->mutable_patches() = ToProtoTensor(at::full({1, 12}, FakeTokenizer::kPoison), DType::kFloat32);
  *dict->mutable_row_idx() = ProtoIndices({0});
  *dict->mutable_col_idx() = ProtoIndices({0});
  v1::EncodeResponse response;
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(4, 4)), poison), &response).ok());
  EXPECT_EQ(response.results(0).status().code(), grpc::StatusCode::OK);
  EXPECT_EQ(response.results(1).status().code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(response.results(1).status().message(), HasSubstr("NaN or infinity"));
  EXPECT_EQ(Metric("vitok_nonfinite_total{model=\"fake\",version=\"1\"}"), 1);
  ExpectGoodService();
}

TEST_F(ServerTest, F14_AnExceptionOfTheModelIsAnErrorOfItsBatchOnly) {
  bool fail = true;
  bool out_of_memory = false;
  control_->hook = [&](const std::vector<int64_t>&) -> absl::Status {
    if (out_of_memory) throw std::bad_alloc();
    TORCH_CHECK(!fail, "kernel exploded");
    return absl::OkStatus();
  };
  StartServer();
  const grpc::Status internal = Encode(EncodeOf(Raw(Image(4, 4))));
  EXPECT_EQ(internal.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(internal.error_message(), AllOf(HasSubstr("model 'fake'"), HasSubstr("kernel exploded")));
  out_of_memory = true;
  EXPECT_EQ(Encode(EncodeOf(Raw(Image(4, 4)))).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  fail = out_of_memory = false;
  ExpectGoodService();
}

TEST_F(ServerTest, F22_RefusesWhatIsBeyondTheQuotaOfAnIdentity) {
  options_.quotas = {{"anonymous", {.tokens_per_second = 0.001, .burst_tokens = 10}}};
  StartServer();
  EXPECT_TRUE(Encode(EncodeOf(Raw(Image(4, 4)), Raw(Image(4, 4)))).ok());
  const grpc::Status status = Encode(EncodeOf(Raw(Image(4, 4))));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(HasDetail<google::rpc::RetryInfo>(status));
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("'anonymous' asks for 4 tokens"), HasSubstr("has 2 left")));
  EXPECT_EQ(Metric("vitok_rejected_total{reason=\"quota\"}"), 1);
  EXPECT_EQ(Metric("vitok_queued_requests{device=\"cpu\"}"), 0);
  EXPECT_TRUE(Encode(EncodeOf(Raw(Image(2, 2)), Raw(Image(2, 2)))).ok()) << "what is left can still be taken";
}

// Holds the first batch until told to let go.
class BusyServerTest : public ServerTest {
 protected:
  BusyServerTest() {
    control_->hook = [this](const std::vector<int64_t>&) {
      if (!started_.HasBeenNotified()) started_.Notify();
      release_.WaitForNotification();
      return absl::OkStatus();
    };
  }

  // A call that is in its batch when this returns.
  void StartLongCall() {
    StartServer();
    long_call_ = std::thread([this] { long_status_ = Encode(EncodeOf(Raw(Image(4, 4)))); });
    started_.WaitForNotification();
  }

  // Until so many items are admitted and not finished.
  void WaitForQueued(int items) {
    while (Metric("vitok_queued_requests{device=\"cpu\"}") != items) {
    }
  }

  void EndLongCall() {
    if (!release_.HasBeenNotified()) release_.Notify();
    if (long_call_.joinable()) long_call_.join();
  }

  void TearDown() override { EndLongCall(); }

  absl::Notification started_, release_;
  std::thread long_call_;
  grpc::Status long_status_;
};

TEST_F(BusyServerTest, F10_RefusesWorkBeyondItsQueueAndSaysWhenToRetry) {
  options_.limits.max_images_per_request = 1;
  options_.batching.max_queued_requests = 1;
  StartLongCall();
  grpc::ClientContext context;
  v1::EncodeResponse response;
  const grpc::Status status = stub_->Encode(&context, EncodeOf(Raw(Image(4, 4))), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(HasDetail<google::rpc::RetryInfo>(status));
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1);
  EXPECT_EQ(Metric("vitok_rejected_total{reason=\"queue_requests\"}"), 1);
  EXPECT_EQ(Metric("vitok_queued_requests{device=\"cpu\"}"), 1);
  EXPECT_EQ(Metric("vitok_queued_tokens{device=\"cpu\"}"), 4);
  EndLongCall();
  EXPECT_TRUE(long_status_.ok());
  ExpectGoodService();
}

TEST_F(BusyServerTest, F11_DropsTheWorkOfClientsThatGaveUpWhileTheDeviceIsBusy) {
  StartLongCall();
  const auto dropped = [this] {
    double items = 0;
    for (const char* where : {"before_preprocess", "queue", "dispatched"}) {
      const std::string labels = StrCat("{model=\"fake\",version=\"1\",where=\"", where, "\"}");
      items += Metric("vitok_expired_total" + labels) + Metric("vitok_cancelled_total" + labels);
    }
    return items;
  };
  do {  // on a busy machine the deadline may pass before the server has seen the call
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
    v1::EncodeResponse response;
    EXPECT_EQ(stub_->Encode(&context, EncodeOf(Raw(Image(4, 4))), &response).error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
    WaitForQueued(1);
  } while (dropped() == 0);
  const double expired = dropped();

  grpc::ClientContext cancelled_context;
  std::thread cancelling([&] {
    v1::EncodeResponse ignored;
    EXPECT_EQ(stub_->Encode(&cancelled_context, EncodeOf(Raw(Image(4, 4))), &ignored).error_code(),
              grpc::StatusCode::CANCELLED);
  });
  WaitForQueued(2);
  cancelled_context.TryCancel();
  cancelling.join();
  WaitForQueued(1);
  EXPECT_GE(dropped(), expired + 1);
  EndLongCall();
  EXPECT_EQ(control_->batches().size(), 1);
}

TEST_F(BusyServerTest, F17_FinishesAdmittedCallsAndRefusesNewOnesWhileItDrains) {
  StartLongCall();
  std::thread shutdown([this] { EXPECT_TRUE(server_->Shutdown()); });
  grpc::Status refused;
  do {
    grpc::ClientContext context;
    v1::GetServerInfoResponse response;
    refused = stub_->GetServerInfo(&context, {}, &response);
  } while (refused.ok());
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  const grpc::Status refused_encode = Encode(EncodeOf(Raw(Image(4, 4))));
  EXPECT_EQ(refused_encode.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused_encode.error_message(), HasSubstr("draining"));
  EXPECT_TRUE(HasDetail<google::rpc::ErrorInfo>(refused_encode));
  EXPECT_EQ(Metric("vitok_rejected_total{reason=\"draining\"}"), 1);
  EndLongCall();
  EXPECT_TRUE(long_status_.ok()) << long_status_.error_message();
  shutdown.join();
}

TEST_F(BusyServerTest, F17_CancelsWhatWaitsLongerThanTheGracePeriod) {
  options_.shutdown_grace = absl::ZeroDuration();
  StartLongCall();
  std::thread waiting([this] {
    const grpc::Status status = Encode(EncodeOf(Raw(Image(4, 4))));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  });
  WaitForQueued(2);
  std::thread shutdown([this] { EXPECT_FALSE(server_->Shutdown()); });
  waiting.join();
  EndLongCall();
  shutdown.join();
}

}  // namespace
}  // namespace vitok
