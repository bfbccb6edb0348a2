// Start-up, health, reflection and the end of a server.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/server/raw_call.h"
#include "tests/server/server_fixture.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(ServerTest, HealthIsServingForTheServerAndTheService) {
  StartServer();
  EXPECT_EQ(Health(""), kServing);
  EXPECT_EQ(Health("vitok.v1.Tokenizer"), kServing);
  EXPECT_EQ(Health("vitok.v1.Nothing"), "");
}

TEST_F(ServerTest, F17_HealthTurnsToNotServingWhileTheServerDrains) {
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
    health = Health("vitok.v1.Tokenizer");
  } while (health == kServing);
  EXPECT_EQ(health, kNotServing);
  EXPECT_EQ(Health(""), kNotServing);
  release.Notify();
  call.join();
  shutdown.join();
}

TEST_F(ServerTest, ReflectionListsTheService) {
  StartServer();
  EXPECT_THAT(CallRaw(channel_, kReflection, kListServices).message,
              AllOf(HasSubstr("vitok.v1.Tokenizer"), HasSubstr("grpc.health.v1.Health")));
}

TEST_F(ServerTest, ListensOnAFreePortAndSaysWhich) {
  options_.listen = "127.0.0.1:0";
  StartServer();
  EXPECT_THAT(server_->address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  ExpectGoodService();
}

TEST_F(ServerTest, F18_RefusesToShareAnAddress) {
  StartServer();
  options_.http_listen = "";
  absl::Status second = Server::Start(options_, load_).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.message()), AllOf(HasSubstr(options_.listen), HasSubstr("Address already in use")));
  ExpectGoodService();
}

TEST_F(ServerTest, F18_StartsOverTheSocketOfADeadServer) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  (folder_ / "server.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
  StartServer();
  ExpectGoodService();
}

TEST_F(ServerTest, F17_StartsAgainAfterAShutdown) {
  StartServer();
  ExpectGoodService();
  EXPECT_TRUE(server_->Shutdown());
  server_.reset();
  StartServer();
  ExpectGoodService();
}

TEST_F(ServerTest, F19_NamesTheModelThatDoesNotLoad) {
  load_ = [](const LoadOptions& options) { return absl::NotFoundError(StrCat("no folder ", options.folder)); };
  EXPECT_EQ(Server::Start(options_, load_).status().message(), "model 'fake:1': no folder none");
}

TEST_F(ServerTest, FetchesAModelOfTheHubBeforeItLoads) {
  options_.models = {{.name = "fake", .hub = "org/repo"}};
  fetch_ = [](const ModelOptions& model) { return StrCat("cache/", model.hub); };
  std::string loaded;
  load_ = [this, &loaded](const LoadOptions& options) {
    loaded = options.folder;
    return std::make_unique<FakeTokenizer>(kPatch, control_);
  };
  StartServer();
  EXPECT_EQ(loaded, "cache/org/repo");
  ExpectGoodService();
}

TEST_F(ServerTest, NamesTheModelThatTheHubDoesNotGive) {
  options_.models = {{.name = "fake", .hub = "org/repo"}};
  EXPECT_EQ(Server::Start(options_, load_).status().message(),
            "model 'fake:1': models of the hub cannot be fetched; was org/repo");
  fetch_ = [](const ModelOptions&) { return absl::FailedPreconditionError("the hub is down"); };
  EXPECT_EQ(Server::Start(options_, load_, nullptr, {.fetch = fetch_}).status().message(),
            "model 'fake:1': the hub is down");
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
              AllOf(HasSubstr("model 'fake:1'"), HasSubstr("must end in patchify(2, MAX_TOKENS)")));
}

}  // namespace
}  // namespace vitok
