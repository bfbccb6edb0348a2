// Methods that need a half of the model that is not loaded.
#include <gmock/gmock.h>

#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

TEST_F(ServerTest, F24_HasNoMethodForAHalfThatIsNotLoaded) {
  options_.models.push_back({.name = "encoder", .load = {.folder = "encoder"}});
  options_.models.push_back({.name = "decoder", .load = {.folder = "decoder"}});
  load_ = [this](const LoadOptions& options) {
    auto tokenizer = std::make_unique<FakeTokenizer>(kPatch, control_);
    tokenizer->mutable_info().can_encode = options.folder != "decoder";
    tokenizer->mutable_info().can_decode = options.folder != "encoder";
    return tokenizer;
  };
  StartServer();
  v1::EncodeRequest encode = EncodeOf(Raw(Image(2, 2)));
  v1::EncodeResponse latents;
  encode.set_model("encoder");
  EXPECT_TRUE(Encode(encode, &latents).ok());
  encode.set_model("decoder");
  const auto expect_unimplemented = [](const grpc::Status& status, const std::string& missing) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(missing));
  };
  expect_unimplemented(Encode(encode), "model 'decoder' has no encoder loaded");

  v1::DecodeRequest decode;
  *decode.add_latents() = latents.results(0).latents();
  v1::DecodeResponse pictures;
  decode.set_model("decoder");
  EXPECT_TRUE(Decode(decode, &pictures).ok());
  decode.set_model("encoder");
  expect_unimplemented(Decode(decode, &pictures), "model 'encoder' has no decoder loaded");

  v1::ReconstructRequest reconstruct;
  *reconstruct.add_images() = Raw(Image(2, 2));
  v1::ReconstructResponse response;
  for (const char* model : {"encoder", "decoder"}) {
    reconstruct.set_model(model);
    expect_unimplemented(Reconstruct(reconstruct, &response), StrCat("model '", model, "' has no "));
  }

  grpc::ClientContext context;
  const auto stream = stub_->EncodeStream(&context);
  v1::EncodeStreamRequest message;
  *message.mutable_request() = encode;
  v1::EncodeStreamResponse reply;
  ASSERT_TRUE(stream->Write(message) && stream->Read(&reply));
  EXPECT_EQ(reply.status().code(), grpc::StatusCode::UNIMPLEMENTED) << "the stream goes on";
  message.mutable_request()->set_model("encoder");
  ASSERT_TRUE(stream->Write(message) && stream->Read(&reply));
  EXPECT_FALSE(reply.has_status());
  ExpectGoodService();
}

}  // namespace
}  // namespace vitok
