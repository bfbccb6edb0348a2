// A server in this process, over a unix socket, with a fake model; and what tests send to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "core/base/str_cat.h"
#include "core/image/codec.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "server/server.h"
#include "tests/server/proto_tensors.h"
#include "tests/server/raw_call.h"
#include "tests/support/fake_tokenizer.h"
#include "tests/support/http_get.h"
#include "tests/support/temp_folder.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {

class ServerTest : public ::testing::Test {
 protected:
  static constexpr int64_t kPatch = 2;

  ServerTest() {
    options_.listen = StrCat("unix:", folder_ / "server.sock");
    options_.http_listen = "127.0.0.1:0";
    options_.preprocess_threads = 2;
    options_.batching.warm_up = absl::ZeroDuration();
    options_.models = {{.name = "fake", .load = {.folder = "none"}}};
    options_.default_model = "fake";
  }

  // Call after changing options_, load_, fetch_ or estimate_.
  void StartServer() {
    absl::StatusOr<std::unique_ptr<Server>> server =
        Server::Start(options_, load_, on_failure_, {.estimate = estimate_, .fetch = fetch_});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), BigMessages());
    stub_ = v1::Tokenizer::NewStub(channel_);
  }

  static grpc::ChannelArguments BigMessages() {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    return arguments;
  }

  // An image of random pixels, always the same for a seed.
  static RgbImage Image(int32_t height, int32_t width, int seed = 1) {
    RgbImage image(height, width);
    uint32_t state = static_cast<uint32_t>(seed);
    for (uint8_t& value : image.pixels_HWC) value = static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24);
    return image;
  }

  static v1::ImageInput Raw(const RgbImage& image) {
    v1::ImageInput input;
    *input.mutable_raw() = ProtoTensor(v1::DTYPE_UINT8, {image.height_px, image.width_px, 3},
                                       std::string(image.pixels_HWC.begin(), image.pixels_HWC.end()));
    return input;
  }

  template <typename... Images>
  static v1::EncodeRequest EncodeOf(const Images&... images) {
    v1::EncodeRequest request;
    ((*request.add_images() = images), ...);
    return request;
  }

  grpc::Status Encode(const v1::EncodeRequest& request, v1::EncodeResponse* response) {
    grpc::ClientContext context;
    return stub_->Encode(&context, request, response);
  }
  grpc::Status Encode(const v1::EncodeRequest& request) {
    v1::EncodeResponse response;
    return Encode(request, &response);
  }
  grpc::Status Decode(const v1::DecodeRequest& request, v1::DecodeResponse* response) {
    grpc::ClientContext context;
    return stub_->Decode(&context, request, response);
  }
  grpc::Status Reconstruct(const v1::ReconstructRequest& request, v1::ReconstructResponse* response) {
    grpc::ClientContext context;
    return stub_->Reconstruct(&context, request, response);
  }

  // The server answers as it should, whatever came before.
  void ExpectGoodService() {
    const RgbImage image = Image(3, 5);
    v1::ReconstructRequest request;
    *request.add_images() = Raw(image);
    v1::ReconstructResponse response;
    const grpc::Status status = Reconstruct(request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.results(0).picture().tensor().data(),
              std::string(image.pixels_HWC.begin(), image.pixels_HWC.end()));
  }

  // The call is refused with INVALID_ARGUMENT that blames `field`, and the next good call works.
  void ExpectInvalid(const grpc::Status& status, const std::string& field) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_EQ(BlamedField(Details(status)), field) << status.error_message();
    ExpectGoodService();
  }

  static google::rpc::Status Details(const grpc::Status& status) {
    google::rpc::Status details;
    details.ParseFromString(status.error_details());
    return details;
  }

  template <typename Detail>
  static bool HasDetail(const grpc::Status& status) {
    const google::rpc::Status details = Details(status);
    for (const auto& detail : details.details()) {
      if (detail.Is<Detail>()) return true;
    }
    return false;
  }

  std::string Health(const std::string& service) { return CheckHealth(channel_, service); }

  std::string Scrape() { return HttpGet(server_->http_address(), "/metrics"); }

  // Value of one series, -1 if there is none.
  double Metric(const std::string& series) {
    const std::string text = Scrape();
    const size_t line = text.find("\n" + series + " ");
    double value = -1;
    if (line == std::string::npos) return value;
    const size_t begin = line + series.size() + 2;
    EXPECT_TRUE(absl::SimpleAtod(text.substr(begin, text.find_first_of("\r\n", begin) - begin), &value));
    return value;
  }

  TempFolder folder_;
  std::shared_ptr<FakeTokenizerControl> control_ = std::make_shared<FakeTokenizerControl>();
  ServerOptions options_;
  TokenizerLoader load_ = [this](const LoadOptions&) { return std::make_unique<FakeTokenizer>(kPatch, control_); };
  Server::FailureHandler on_failure_;
  MemoryEstimator estimate_;
  ModelFetcher fetch_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Tokenizer::Stub> stub_;
};

}  // namespace vitok
