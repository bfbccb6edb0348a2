// The streaming methods: ids, order, statuses, flow control, cancellation and the end of streams.
#include <gmock/gmock.h>

#include <map>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/server/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StreamTest : public ServerTest {
 protected:
  using Encoding = grpc::ClientReaderWriter<v1::EncodeStreamRequest, v1::EncodeStreamResponse>;

  static v1::EncodeStreamRequest Message(uint64_t id, const v1::EncodeRequest& request) {
    v1::EncodeStreamRequest message;
    message.set_id(id);
    *message.mutable_request() = request;
    return message;
  }

  static v1::EncodeStreamResponse Read(Encoding& stream) {
    v1::EncodeStreamResponse reply;
    EXPECT_TRUE(stream.Read(&reply));
    return reply;
  }

  void WaitForQueued(int items) {
    EXPECT_TRUE(Eventually([&] { return Metric("vitok_queued_requests{device=\"cpu\"}") == items; }));
  }

  // Lets no batch pass until the test says so.
  void HoldBatches() {
    control_->hook = [this](const std::vector<int64_t>&) {
      release_.WaitForNotification();
      return absl::OkStatus();
    };
  }

  absl::Notification release_;
};

TEST_F(StreamTest, AnswersEveryMessageUnderItsIdAsACallWould) {
  StartServer();
  grpc::ClientContext context;
  const auto stream = stub_->EncodeStream(&context);
  std::map<uint64_t, v1::EncodeRequest> requests;
  for (uint64_t i = 0; i < 20; ++i) {
    requests[1000 - i] = EncodeOf(Raw(Image(2 + static_cast<int>(i), 5)), Raw(Image(3, 3)));
    ASSERT_TRUE(stream->Write(Message(1000 - i, requests[1000 - i])));
  }
  stream->WritesDone();
  v1::EncodeStreamResponse reply;
  while (stream->Read(&reply)) {
    EXPECT_FALSE(reply.has_status());
    v1::EncodeResponse expected;
    ASSERT_TRUE(Encode(requests[reply.id()], &expected).ok());
    ASSERT_EQ(reply.response().results_size(), 2);
    EXPECT_EQ(reply.response().model(), "fake");
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(reply.response().results(i).latents().SerializeAsString(),
                expected.results(i).latents().SerializeAsString());
    }
    requests.erase(reply.id());
  }
  EXPECT_TRUE(requests.empty());
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamTest, DecodesAndReconstructs) {
  StartServer();
  v1::EncodeResponse encoded;
  ASSERT_TRUE(Encode(EncodeOf(Raw(Image(4, 6))), &encoded).ok());
  const RgbImage image = Image(4, 6);
  const std::string pixels(image.pixels_HWC.begin(), image.pixels_HWC.end());

  grpc::ClientContext decode_context;
  const auto decoding = stub_->DecodeStream(&decode_context);
  v1::DecodeStreamRequest decode;
  decode.set_id(1);
  *decode.mutable_request()->add_latents() = encoded.results(0).latents();
  ASSERT_TRUE(decoding->Write(decode));
  v1::DecodeStreamResponse decoded;
  ASSERT_TRUE(decoding->Read(&decoded));
  EXPECT_EQ(decoded.response().results(0).picture().tensor().data(), pixels);
  decoding->WritesDone();
  EXPECT_TRUE(decoding->Finish().ok());

  grpc::ClientContext reconstruct_context;
  const auto reconstructing = stub_->ReconstructStream(&reconstruct_context);
  v1::ReconstructStreamRequest reconstruct;
  *reconstruct.mutable_request()->add_images() = Raw(image);
  ASSERT_TRUE(reconstructing->Write(reconstruct));
  v1::ReconstructStreamResponse reconstructed;
  ASSERT_TRUE(reconstructing->Read(&reconstructed));
  EXPECT_EQ(reconstructed.response().results(0).picture().tensor().data(), pixels);
  reconstructing->WritesDone();
  EXPECT_TRUE(reconstructing->Finish().ok());
}

TEST_F(StreamTest, AnswersInTheOrderInWhichRequestsAreDone) {
  HoldBatches();
  StartServer();
  grpc::ClientContext context;
  const auto stream = stub_->EncodeStream(&context);
  stream->Write(Message(1, EncodeOf(Raw(Image(2, 2)))));
  stream->Write(Message(2, EncodeOf(v1::ImageInput())));
  const v1::EncodeStreamResponse first = Read(*stream);
  EXPECT_EQ(first.id(), 2);
  EXPECT_EQ(first.status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(first.status().message(), HasSubstr("images[0]"));
  release_.Notify();
  EXPECT_EQ(Read(*stream).id(), 1);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(StreamTest, F10_RefusesWhatACallWouldBeRefusedAndGoesOn) {
  HoldBatches();
  options_.limits.max_images_per_request = 1;
  options_.batching.max_queued_requests = 1;
  StartServer();
  grpc::ClientContext context;
  const auto stream = stub_->EncodeStream(&context);
  stream->Write(Message(1, EncodeOf(Raw(Image(2, 2)))));
  WaitForQueued(1);
  stream->Write(Message(2, EncodeOf(Raw(Image(2, 2)))));
  const v1::EncodeStreamResponse refused = Read(*stream);
  EXPECT_EQ(refused.id(), 2);
  EXPECT_EQ(refused.status().code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  google::rpc::RetryInfo retry;
  bool told = false;
  for (const auto& detail : refused.status().details()) told |= detail.UnpackTo(&retry);
  EXPECT_TRUE(told);
  EXPECT_EQ(Metric("vitok_rejected_total{reason=\"queue_requests\"}"), 1);
  release_.Notify();
  EXPECT_EQ(Read(*stream).response().results_size(), 1);
  stream->Write(Message(3, EncodeOf(Raw(Image(2, 2)))));
  EXPECT_EQ(Read(*stream).response().results_size(), 1);
}

TEST_F(StreamTest, F23_RefusesARequestThatIsNoMessageAndGoesOn) {
  StartServer();
  grpc::ClientContext context;
  const auto stream = stub_->EncodeStream(&context);
  v1::EncodeStreamRequest message = Message(5, v1::EncodeRequest());
  // Field 2 of EncodeRequest is a message; here it claims more bytes than there are.
  message.mutable_request()
      ->GetReflection()
      ->MutableUnknownFields(message.mutable_request())
      ->AddLengthDelimited(2, "\x0a\x7f");
  stream->Write(message);
  const v1::EncodeStreamResponse refused = Read(*stream);
  EXPECT_EQ(refused.id(), 5);
  EXPECT_EQ(refused.status().code(), grpc::StatusCode::INVALID_ARGUMENT);
  stream->Write(Message(6, EncodeOf(Raw(Image(2, 2)))));
  EXPECT_EQ(Read(*stream).id(), 6);
}

TEST_F(StreamTest, F23_EndsAStreamWhoseMessagesHaveNoForm) {
  StartServer();
  const grpc::Status status =
      CallRaw(channel_, "/vitok.v1.Tokenizer/EncodeStream", "\x12\x7fshort", /*writes_done=*/false).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("id and request"));
  ExpectGoodService();
}

TEST_F(StreamTest, F23_EndsAnEmptyStreamWell) {
  StartServer();
  grpc::ClientContext context;
  const auto stream = stub_->EncodeStream(&context);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// A client that does not read.
TEST_F(StreamTest, F13_ReadsNoMoreThanItsWindowForAClientThatTakesNoRepliesAndCutsItOff) {
  options_.limits.max_stream_requests = 2;
  options_.connections.stall_timeout = absl::Milliseconds(300);
  const int64_t picture_bytes = int64_t{512} * 512 * 3 * 4;
  options_.limits.max_images_per_request = 1;
  options_.batching.max_queued_bytes = 8 * picture_bytes;
  StartServer();
  grpc::ChannelArguments arguments = BigMessages();
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // the client's gRPC takes 64 KiB without being asked, and no more
  const auto small_window = v1::Tokenizer::NewStub(
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments));
  v1::ReconstructStreamRequest message;
  message.mutable_request()->add_images()->set_encoded(*EncodeImage(RgbImage(512, 512), {.format = ImageFormat::kPng}));
  message.mutable_request()->mutable_picture()->set_format(v1::PIXEL_FORMAT_FLOAT32);
  for (int round = 0; round < 3; ++round) {  // more bytes than the queue holds, if any of them stayed
    const LogCapture log;
    const size_t before = control_->batches().size();
    grpc::ClientContext context;
    const auto stream = small_window->ReconstructStream(&context);
    for (int i = 0; i < 20 && stream->Write(message); ++i) {
    }
    EXPECT_TRUE(Eventually([&] { return log.text().find("code=CANCELLED") != std::string::npos; }));
    v1::ReconstructStreamResponse reply;
    while (stream->Read(&reply)) {
    }
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_LE(control_->batches().size() - before, 2);
  }
  WaitForQueued(0);
  ExpectGoodService();
}

// Cancellation before dispatch and while the device works.
TEST_F(StreamTest, F12_DropsTheWorkOfACancelledStream) {
  HoldBatches();
  StartServer();
  grpc::ClientContext context;
  const auto stream = stub_->EncodeStream(&context);
  for (uint64_t i = 0; i < 5; ++i) stream->Write(Message(i, EncodeOf(Raw(Image(2, 2)))));
  WaitForQueued(5);
  EXPECT_TRUE(Eventually([this] { return !control_->batches().empty(); }));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WaitForQueued(static_cast<int>(control_->batches().front().size()));  // in their batch; the others are gone
  release_.Notify();
  WaitForQueued(0);
  ExpectGoodService();
  EXPECT_LE(control_->batches().size(), 2);
}

TEST_F(StreamTest, F17_AnswersWhatItTookAndEndsOpenStreamsWhenItDrains) {
  HoldBatches();
  StartServer();
  grpc::ClientContext context, idle_context;
  const auto stream = stub_->EncodeStream(&context);
  const auto idle = stub_->EncodeStream(&idle_context);
  idle->Write(Message(1, EncodeOf(v1::ImageInput())));
  Read(*idle);  // it is open on the server's side
  stream->Write(Message(1, EncodeOf(Raw(Image(2, 2)))));
  WaitForQueued(1);
  std::thread shutdown([this] { EXPECT_TRUE(server_->Shutdown()); });
  const grpc::Status ended = idle->Finish();
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(HasDetail<google::rpc::ErrorInfo>(ended)) << ended.error_message();
  release_.Notify();
  EXPECT_EQ(Read(*stream).response().results_size(), 1);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  shutdown.join();
}

TEST_F(StreamTest, F22_AsksForATokenBeforeTheFirstMessage) {
  options_.auth.tokens_file = folder_ / "tokens";
  WriteTextFile(options_.auth.tokens_file, "sha256:" + std::string(64, 'a') + " trainer infer\n");
  StartServer();
  grpc::ClientContext context;
  EXPECT_EQ(stub_->EncodeStream(&context)->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace vitok
