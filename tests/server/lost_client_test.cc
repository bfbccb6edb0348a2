// Clients that go away in the middle of a call, or fall silent.
#include <gmock/gmock.h>
#include <unistd.h>

#include <vector>

#include "tests/server/raw_connection.h"
#include "tests/server/server_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/process_size.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

TEST_F(ServerTest, F12_FreesAReplyWhoseClientCancelsWhileItIsOnItsWay) {
  options_.batching.max_queued_bytes = int64_t{8} << 20;  // one request of 7 MiB, but not beside a reply of 3 MiB
  StartServer();
  grpc::ChannelArguments arguments = BigMessages();
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // the client's gRPC takes 64 KiB without being asked, and no more
  const auto small_window = v1::Tokenizer::NewStub(
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments));
  v1::ReconstructStreamRequest request;
  *request.mutable_request()->add_images() = Raw(Image(512, 512));
  request.mutable_request()->mutable_picture()->set_format(v1::PIXEL_FORMAT_FLOAT32);  // a reply of 3 MiB
  const auto another = [&] {
    v1::ReconstructResponse response;
    return Reconstruct(request.request(), &response).error_code();
  };
  const LogCapture log;
  grpc::ClientContext context;
  const auto stream = small_window->ReconstructStream(&context);
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(Eventually([&] { return log.text().find("method=Reconstruct ") != std::string::npos; }));
  EXPECT_EQ(another(), grpc::StatusCode::RESOURCE_EXHAUSTED) << "a reply counts until the client has it";
  context.TryCancel();
  v1::ReconstructStreamResponse reply;
  EXPECT_FALSE(stream->Read(&reply)) << "it is cancelled";
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([&] { return another() == grpc::StatusCode::OK; }));
  EXPECT_TRUE(Eventually([this] { return Metric("vitok_queued_requests{device=\"cpu\"}") == 0; }));
  EXPECT_EQ(Metric("vitok_queued_tokens{device=\"cpu\"}"), 0);
}

// Each opens a call, sends the first bytes of its message and no more.
TEST_F(ServerTest, F13_ForgetsTheCallsOfPeersThatFallSilentAndAreCutOff) {
  const LogCapture log;
  StartServer();
  ExpectGoodService();
  const size_t files = CountEntries("/proc/self/fd");
  constexpr int kPeers = 64;
  std::vector<int> fds;
  for (int i = 0; i < kPeers; ++i) {
    fds.push_back(ConnectRaw(folder_ / "server.sock"));
    SendRaw(fds.back(), kHttp2Hello +
                            Http2Call(StrCat("/vitok.v1.Tokenizer/", i % 2 == 0 ? "Encode" : "EncodeStream")) +
                            Http2HalfMessage() + kHttp2Ping);
  }
  for (const int fd : fds) {  // the server has read everything when it has answered the ping
    std::string received;
    char buffer[4096];
    for (ssize_t count; received.find("12345678") == std::string::npos;) {
      ASSERT_GT(count = recv(fd, buffer, sizeof(buffer), 0), 0);
      received.append(buffer, count);
    }
  }
  EXPECT_EQ(Metric("vitok_grpc_connections"), kPeers + 1);
  EXPECT_EQ(Metric("vitok_queued_requests{device=\"cpu\"}"), 0) << "half a message is no work yet";
  ExpectGoodService();
  for (const int fd : fds) close(fd);
  EXPECT_TRUE(Eventually([&] { return CountEntries("/proc/self/fd") <= files + 2; }));
  EXPECT_TRUE(Eventually([this] { return Metric("vitok_grpc_connections") == 1; }));
  ExpectGoodService();
  EXPECT_TRUE(server_->Shutdown()) << "none of the calls is left";
  EXPECT_THAT(log.text(), HasSubstr("method=vitok.v1.Tokenizer/EncodeStream"));
}

}  // namespace
}  // namespace vitok
