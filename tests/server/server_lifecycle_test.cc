// Start-up, health, reflection and the end of a server.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "absl/synchronization/notification.h"

#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Sends one message and returns the first one of the answer, "" if there is none: for services whose protobufs are not
// part of this project.
std::string CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                    const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  const grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  grpc::Slice whole;
  if (!ok || !answer.DumpToSingleSlice(&whole).ok()) return "";
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  return text;
}

// HealthCheckRequest{service = 1} and HealthCheckResponse{status = 1}, on the wire.
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
const char kServing[] = "\x08\x01";
std::string HealthRequest(const std::string& service) {
  return service.empty() ? "" : StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
}

TEST_F(ServerTest, HealthIsServingForTheServerAndTheService) {
  StartServer();
  EXPECT_EQ(CallRaw(channel_, kHealthCheck, HealthRequest("")), kServing);
  EXPECT_EQ(CallRaw(channel_, kHealthCheck, HealthRequest("vitok.v1.Tokenizer")), kServing);
  EXPECT_EQ(CallRaw(channel_, kHealthCheck, HealthRequest("vitok.v1.Nothing")), "");
}

TEST_F(ServerTest, HealthTurnsToNotServingWhileTheServerDrains) {
  absl::Notification started, release;
  control_->hook = [&](const std::vector<int64_t>&) {
    started.Notify();
    release.WaitForNotification();
    return absl::OkStatus();
  };
  StartServer();
  std::thread call([this] { EXPECT_TRUE(Encode(EncodeOf(Raw(Image(2, 2)))).ok()); });
  started.WaitForNotification();
  std::thread shutdown([this] { server_->Shutdown(); });
  std::string health;
  do {
    health = CallRaw(channel_, kHealthCheck, HealthRequest("vitok.v1.Tokenizer"));
  } while (health == kServing);
  EXPECT_EQ(health, "\x08\x02");
  EXPECT_EQ(CallRaw(channel_, kHealthCheck, HealthRequest("")), "\x08\x02");
  release.Notify();
  call.join();
  shutdown.join();
}

TEST_F(ServerTest, ReflectionListsTheService) {
  StartServer();
  // ServerReflectionRequest{list_services = 7: "*"}
  EXPECT_THAT(CallRaw(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*"),
              AllOf(HasSubstr("vitok.v1.Tokenizer"), HasSubstr("grpc.health.v1.Health")));
}

TEST_F(ServerTest, ListensOnAFreePortAndSaysWhich) {
  options_.listen = "127.0.0.1:0";
  StartServer();
  EXPECT_THAT(server_->address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  ExpectGoodService();
}

TEST_F(ServerTest, RefusesToShareAnAddress) {
  StartServer();
  options_.http_listen = "";
  absl::Status second = Server::Start(options_, load_).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.message()), AllOf(HasSubstr(options_.listen), HasSubstr("Address already in use")));
  ExpectGoodService();
}

TEST_F(ServerTest, StartsOverTheSocketOfADeadServer) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  (folder_ / "server.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  StartServer();
  ExpectGoodService();
}

TEST_F(ServerTest, StartsAgainAfterAShutdown) {
  StartServer();
  ExpectGoodService();
  EXPECT_TRUE(server_->Shutdown());
  server_.reset();
  StartServer();
  ExpectGoodService();
}

TEST_F(ServerTest, NamesTheModelThatDoesNotLoad) {
  load_ = [](const LoadOptions& options) { return absl::NotFoundError(StrCat("no folder ", options.folder)); };
  EXPECT_EQ(Server::Start(options_, load_).status().message(), "model 'fake': no folder none");
}

TEST_F(ServerTest, RefusesAModelWithTemporalPatches) {
  load_ = [this](const LoadOptions&) {
    auto tokenizer = std::make_unique<FakeTokenizer>(kPatch, control_);
    tokenizer->mutable_info().patch_values *= 4;
    return tokenizer;
  };
  EXPECT_THAT(std::string(Server::Start(options_, load_).status().message()), HasSubstr("takes patches of 48 values"));
}

TEST_F(ServerTest, RefusesADefaultPipelineThatDoesNotFitTheModel) {
  options_.models[0].preprocess = "to_tensor|normalize|patchify(16, 64)";
  EXPECT_THAT(std::string(Server::Start(options_, load_).status().message()),
              AllOf(HasSubstr("model 'fake'"), HasSubstr("must end in patchify(2, MAX_TOKENS)")));
}

}  // namespace
}  // namespace vitok
