#include "client/tokenizer_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/call_status.h"
#include "tests/client/fake_service.h"
#include "tests/support/temp_folder.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TokenizerClientTest : public ::testing::Test {
 protected:
  std::unique_ptr<TokenizerClient> Connect(const TokenizerClientOptions& options = {}) {
    return *TokenizerClient::Create(server_.target(), options);
  }

  FakeService service_;
  FakeServer server_{&service_};
};

std::string Message(const absl::Status& status) { return std::string(status.message()); }

void FillLatents(v1::EncodeResult& result) {
  v1::Tensor& z = *result.mutable_latents()->mutable_z();
  z.set_dtype(v1::DTYPE_FLOAT16);
  z.add_shape(2);
  z.add_shape(3);
  z.set_data("abcdefghijkl");
  result.mutable_latents()->set_grid_rows(1);
  result.mutable_latents()->set_grid_cols(2);
  result.mutable_latents()->set_height_px(16);
  result.mutable_latents()->set_width_px(20);
  result.set_tokens(2);
  result.mutable_timings()->set_compute_ns(1'500'000);
}

TEST_F(TokenizerClientTest, SendsEveryKindOfImage) {
  v1::EncodeRequest seen;
  service_.on_encode = [&](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    seen = request;
    for (int i = 0; i < request.images_size(); ++i) FillLatents(*response.add_results());
    return grpc::Status::OK;
  };
  RgbImage raw(1, 2);
  raw.pixels_HWC = {1, 2, 3, 4, 5, 6};
  PatchDict dict;
  dict.patches = {DType::kFloat32, {1, 3}, std::string(12, '\1')};
  dict.patch_mask = HostTensor{DType::kBool, {1}, std::string(1, '\1')};
  dict.row_idx = {DType::kInt32, {1}, std::string(4, '\0')};
  dict.col_idx = {DType::kInt64, {1}, std::string(8, '\0')};
  dict.original_height_px = 7;
  dict.original_width_px = 9;
  dict.grid_rows = 1;
  dict.grid_cols = 2;
  std::vector<ImageInput> images = {EncodedImage{"file"}, raw, dict};
  const EncodeParams params = {.model = "m",
                               .preprocess = "to_tensor",
                               .latent_dtype = DType::kBfloat16,
                               .latent_layout = LatentLayout::kGrid,
                               .allow_nonfinite = true,
                               .priority = RequestPriority::kBackground};

  ASSERT_TRUE(Connect()->EncodeAll(std::move(images), params).ok());

  EXPECT_EQ(seen.model(), "m");
  EXPECT_EQ(seen.preprocess(), "to_tensor");
  EXPECT_EQ(seen.latent_dtype(), v1::DTYPE_BFLOAT16);
  EXPECT_EQ(seen.latent_layout(), v1::LATENT_LAYOUT_GRID);
  EXPECT_TRUE(seen.allow_nonfinite());
  EXPECT_EQ(seen.priority(), v1::PRIORITY_BACKGROUND);
  ASSERT_EQ(seen.images_size(), 3);
  EXPECT_EQ(seen.images(0).encoded(), "file");
  EXPECT_EQ(seen.images(1).raw().dtype(), v1::DTYPE_UINT8);
  EXPECT_THAT(seen.images(1).raw().shape(), ElementsAre(1, 2, 3));
  EXPECT_EQ(seen.images(1).raw().data(), "\1\2\3\4\5\6");
  const v1::PatchDict& patches = seen.images(2).patches();
  EXPECT_EQ(patches.patches().data(), std::string(12, '\1'));
  EXPECT_EQ(patches.patch_mask().dtype(), v1::DTYPE_BOOL);
  EXPECT_EQ(patches.row_idx().dtype(), v1::DTYPE_INT32);
  EXPECT_EQ(patches.col_idx().dtype(), v1::DTYPE_INT64);
  EXPECT_EQ(patches.original_height(), 7);
  EXPECT_EQ(patches.original_width(), 9);
  EXPECT_EQ(patches.grid_rows(), 1);
  EXPECT_EQ(patches.grid_cols(), 2);
}

TEST_F(TokenizerClientTest, GivesBackLatentsTokensAndTimings) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse& response) {
    FillLatents(*response.add_results());
    return grpc::Status::OK;
  };
  const absl::StatusOr<EncodeResult> result = Connect()->Encode(EncodedImage{"x"});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->latents.z, (HostTensor{DType::kFloat16, {2, 3}, "abcdefghijkl"}));
  EXPECT_FALSE(result->latents.row_idx.has_value());
  EXPECT_EQ(result->latents.grid_cols, 2);
  EXPECT_EQ(result->latents.width_px, 20);
  EXPECT_EQ(result->tokens, 2);
  EXPECT_EQ(result->timings.compute, absl::Microseconds(1500));
  EXPECT_GT(result->timings.round_trip, absl::ZeroDuration());
}

TEST_F(TokenizerClientTest, SendsLatentsAndGivesBackPictures) {
  v1::DecodeRequest seen;
  service_.on_decode = [&](const v1::DecodeRequest& request, v1::DecodeResponse& response) {
    seen = request;
    v1::Picture& picture = *response.add_results()->mutable_picture();
    picture.set_height_px(5);
    picture.set_width_px(6);
    picture.set_encoded("webp file");
    return grpc::Status::OK;
  };
  Latents latents;
  latents.z = {DType::kFloat32, {1, 1}, std::string(4, '\0')};
  latents.row_idx = HostTensor{DType::kInt32, {1}, std::string(4, '\0')};
  latents.grid_rows = 3;
  latents.height_px = 33;
  const absl::StatusOr<PictureResult> result =
      Connect()->Decode(latents, {.model = "m", .format = PixelFormat::kWebp, .quality = 80});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::get<EncodedImage>(result->picture.content).bytes, "webp file");
  EXPECT_EQ(result->picture.width_px, 6);
  EXPECT_EQ(seen.picture().format(), v1::PIXEL_FORMAT_WEBP);
  EXPECT_EQ(seen.picture().quality(), 80);
  EXPECT_EQ(seen.latents(0).z().data(), latents.z.data);
  EXPECT_TRUE(seen.latents(0).has_row_idx());
  EXPECT_FALSE(seen.latents(0).has_col_idx());
  EXPECT_EQ(seen.latents(0).grid_rows(), 3);
  EXPECT_EQ(seen.latents(0).height_px(), 33);
}

TEST_F(TokenizerClientTest, GivesEachItemItsOwnStatus) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse& response) {
    FillLatents(*response.add_results());
    response.add_results()->mutable_status()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    response.mutable_results(1)->mutable_status()->set_message("images[1] is no picture");
    response.set_model("the-default");
    return grpc::Status::OK;
  };
  const auto batch = Connect()->EncodeAll({EncodedImage{"x"}, EncodedImage{"y"}});
  ASSERT_TRUE(batch.ok());
  EXPECT_EQ(batch->model, "the-default");
  ASSERT_EQ(batch->items.size(), 2);
  EXPECT_TRUE(batch->items[0].ok());
  EXPECT_EQ(batch->items[1].status(), absl::InvalidArgumentError("images[1] is no picture"));
}

TEST_F(TokenizerClientTest, RefusesTensorsWhoseBytesDoNotFitTheirShape) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse& response) {
    FillLatents(*response.add_results());
    response.mutable_results(0)->mutable_latents()->mutable_z()->add_shape(1000);
    return grpc::Status::OK;
  };
  const absl::Status status = Connect()->Encode(EncodedImage{"x"}).status();
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_THAT(Message(status), HasSubstr("latents.z has 12 bytes; its shape and dtype need 12000"));
}

TEST_F(TokenizerClientTest, RefusesRepliesWithTooFewResults) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return grpc::Status::OK; };
  EXPECT_THAT(Message(Connect()->Encode(EncodedImage{"x"}).status()), HasSubstr("0 results for 1 items"));
}

TEST_F(TokenizerClientTest, KeepsTheDetailsOfAnError) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    google::rpc::ErrorInfo info;
    info.set_reason("DRAINING");
    return ErrorWithDetails(grpc::StatusCode::UNAVAILABLE, "the server is draining", info);
  };
  const absl::Status status = Connect()->Encode(EncodedImage{"x"}).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(status.message(), "the server is draining");
  google::rpc::ErrorInfo info;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.ErrorInfo");
  ASSERT_TRUE(payload.has_value());
  ASSERT_TRUE(info.ParseFromString(std::string(*payload)));
  EXPECT_EQ(info.reason(), "DRAINING");
  EXPECT_FALSE(IsUnreachable(status));
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_F(TokenizerClientTest, RetriesAfterTheDelayTheServerAsksFor) {
  service_.on_encode = [this](const v1::EncodeRequest&, v1::EncodeResponse& response) {
    if (service_.call_times().size() < 3) {
      return ErrorWithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", RetryAfter(absl::Milliseconds(60)));
    }
    FillLatents(*response.add_results());
    return grpc::Status::OK;
  };
  ASSERT_TRUE(Connect()->Encode(EncodedImage{"x"}).ok());
  const std::vector<absl::Time> times = service_.call_times();
  ASSERT_EQ(times.size(), 3);
  EXPECT_GE(times[1] - times[0], absl::Milliseconds(60));
  EXPECT_GE(times[2] - times[1], absl::Milliseconds(60));
}

TEST_F(TokenizerClientTest, DoesNotRetryIfToldNotTo) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    return ErrorWithDetails(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", RetryAfter(absl::Milliseconds(1)));
  };
  const absl::Status status = Connect({.retry = false})->Encode(EncodedImage{"x"}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(RetryDelay(status), absl::Milliseconds(10));
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_F(TokenizerClientTest, DoesNotRetryWithoutRetryInfo) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "message too large");
  };
  EXPECT_EQ(Connect()->Encode(EncodedImage{"x"}).status(), absl::ResourceExhaustedError("message too large"));
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_F(TokenizerClientTest, DoesNotRetryErrorsThatComeBack) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    return ErrorWithDetails(grpc::StatusCode::INVALID_ARGUMENT, "bad", RetryAfter(absl::Milliseconds(1)));
  };
  EXPECT_TRUE(absl::IsInvalidArgument(Connect()->Encode(EncodedImage{"x"}).status()));
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_F(TokenizerClientTest, GivesUpAtOnceWhenTheDelayPassesTheDeadline) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    return ErrorWithDetails(grpc::StatusCode::UNAVAILABLE, "loading", RetryAfter(absl::Minutes(61)));
  };
  const absl::Status status = Connect({.deadline = absl::Minutes(60)})->Encode(EncodedImage{"x"}).status();
  EXPECT_EQ(status.message(), "loading");
  EXPECT_EQ(service_.call_times().size(), 1);
}

TEST_F(TokenizerClientTest, NamesCallServerAndTimeWhenTheDeadlinePasses) {
  // Shared with the handler, which may run after the call has failed.
  const auto release = std::make_shared<absl::Notification>();
  service_.on_encode = [release](const v1::EncodeRequest&, v1::EncodeResponse&) {
    release->WaitForNotification();
    return grpc::Status::OK;
  };
  const absl::Status status = Connect({.deadline = absl::Milliseconds(50)})->Encode(EncodedImage{"x"}).status();
  release->Notify();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  EXPECT_THAT(Message(status), HasSubstr("Encode on " + server_.target() + " did not finish within 50ms"));
}

TEST_F(TokenizerClientTest, NamesCallServerAndTimeWhenTheServerGivesUp) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) {
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "it waits behind 3 s of work");
  };
  const absl::Status status = Connect()->Encode(EncodedImage{"x"}).status();
  EXPECT_THAT(Message(status), HasSubstr("Encode on " + server_.target()));
  EXPECT_THAT(Message(status), HasSubstr("it waits behind 3 s of work"));
}

TEST_F(TokenizerClientTest, CallsAServerThatCancelsUnavailable) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse&) { return grpc::Status::CANCELLED; };
  EXPECT_TRUE(absl::IsUnavailable(Connect()->Encode(EncodedImage{"x"}).status()));
}

TEST_F(TokenizerClientTest, RefusesRepliesOverTheMessageLimit) {
  service_.on_encode = [](const v1::EncodeRequest&, v1::EncodeResponse& response) {
    FillLatents(*response.add_results());
    response.set_model(std::string(2000, 'm'));
    return grpc::Status::OK;
  };
  EXPECT_TRUE(absl::IsResourceExhausted(Connect({.max_message_bytes = 1000})->Encode(EncodedImage{"x"}).status()));
  EXPECT_TRUE(Connect()->Encode(EncodedImage{"x"}).ok());
}

TEST_F(TokenizerClientTest, TakesRepliesLargerThanTheDefaultOfGrpc) {
  service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    FillLatents(*response.add_results());
    response.set_model(request.images(0).encoded());
    return grpc::Status::OK;
  };
  const auto batch = Connect()->EncodeAll({EncodedImage{std::string(5 << 20, 'x')}});
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->model.size(), 5 << 20);
}

TEST_F(TokenizerClientTest, ServesSeveralThreads) {
  service_.on_encode = [](const v1::EncodeRequest& request, v1::EncodeResponse& response) {
    FillLatents(*response.add_results());
    response.mutable_results(0)->set_tokens(request.images(0).encoded().size());
    return grpc::Status::OK;
  };
  const std::unique_ptr<TokenizerClient> client = Connect();
  std::vector<int64_t> tokens(8);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int call = 0; call < 20; ++call) tokens[i] += client->Encode(EncodedImage{std::string(i, 'x')})->tokens;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(tokens, ElementsAre(0, 20, 40, 60, 80, 100, 120, 140));
}

TEST_F(TokenizerClientTest, SaysWhichTraceACallIsPartOf) {
  const std::string traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto client = Connect();
  (void)client->Encode(EncodedImage{"x"});
  (void)client->Encode(EncodedImage{"x"}, {.traceparent = traceparent});
  (void)client->Decode(Latents(), {.traceparent = traceparent});
  (void)client->Reconstruct(EncodedImage{"x"}, {.traceparent = traceparent});
  const auto stream = client->OpenEncodeStream([](auto&&...) {}, {.traceparent = traceparent});
  EXPECT_TRUE((*stream)->Finish().ok());
  EXPECT_THAT(service_.traceparents(), ElementsAre("", traceparent, traceparent, traceparent, traceparent));
}

TEST_F(TokenizerClientTest, RefusesATraceparentThatServersWouldIgnore) {
  const auto client = Connect();
  for (const std::string& text : {std::string("x"), std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"),
                                  std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\n"),
                                  std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(client->Encode(EncodedImage{"x"}, {.traceparent = text}).status())) << text;
    EXPECT_TRUE(absl::IsInvalidArgument(client->OpenEncodeStream([](auto&&...) {}, {.traceparent = text}).status()));
  }
  EXPECT_THAT(service_.traceparents(), ElementsAre());
}

TEST_F(TokenizerClientTest, ListsModels) {
  service_.on_list_models = [](v1::ListModelsResponse& response) {
    v1::ModelInfo& model = *response.add_models();
    model.set_name("tiny");
    model.set_dtype(v1::DTYPE_BFLOAT16);
    model.set_patch_px(16);
    model.set_can_decode(true);
    model.set_is_default(true);
    return grpc::Status::OK;
  };
  const auto models = Connect()->ListModels();
  ASSERT_TRUE(models.ok());
  ASSERT_EQ(models->size(), 1);
  EXPECT_EQ((*models)[0].name, "tiny");
  EXPECT_EQ((*models)[0].dtype, DType::kBfloat16);
  EXPECT_FALSE((*models)[0].can_encode);
  EXPECT_TRUE((*models)[0].can_decode);
  EXPECT_TRUE((*models)[0].is_default);
}

TEST(TokenizerClientWithoutServerTest, FailsAtOnceNamingTheServer) {
  TempFolder folder;
  const std::string target = "unix:" + (folder / "none");
  const absl::Status status = (*TokenizerClient::Create(target))->ListModels().status();
  EXPECT_TRUE(IsUnreachable(status));
  EXPECT_THAT(Message(status), HasSubstr("no server at " + target));
}

TEST(TokenizerClientWithoutServerTest, WaitsForAServerIfAsked) {
  TempFolder folder;
  const std::string target = "unix:" + (folder / "late");
  const auto client = *TokenizerClient::Create(target, {.wait_for_ready = true});
  FakeService service;
  service.on_list_models = [](v1::ListModelsResponse&) { return grpc::Status::OK; };
  absl::Notification calling;
  absl::Status status;
  std::thread caller([&] {
    calling.Notify();
    status = client->ListModels().status();
  });
  calling.WaitForNotification();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(target, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  caller.join();
  EXPECT_TRUE(status.ok()) << status;
  server->Shutdown();
}

TEST(TokenizerClientWithoutServerTest, RefusesMalformedTargets) {
  for (const char* target : {"", "host", "host:", ":8500", "host:0", "host:65536", "host:http", "unix:"}) {
    const absl::Status status = TokenizerClient::Create(target).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << target;
    EXPECT_THAT(Message(status), HasSubstr(std::string("was \"") + target + "\""));
  }
  for (const char* target : {"127.0.0.1:8500", "[::1]:1", "host.example:65535", "unix:/a", "unix:relative"}) {
    EXPECT_TRUE(TokenizerClient::Create(target).ok()) << target;
  }
}

TEST(TokenizerClientWithoutServerTest, RefusesOptionsOutOfRange) {
  EXPECT_THAT(Message(TokenizerClient::Create("h:1", {.deadline = absl::ZeroDuration()}).status()),
              HasSubstr("deadline must be positive and finite; was 0"));
  EXPECT_TRUE(absl::IsInvalidArgument(TokenizerClient::Create("h:1", {.deadline = absl::InfiniteDuration()}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(TokenizerClient::Create("h:1", {.max_message_bytes = 0}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(TokenizerClient::Create("h:1", {.connect_timeout = -absl::Seconds(1)}).status()));
}

}  // namespace
}  // namespace vitok
