// Between listening and serving, and between SIGTERM and the end.
#include <gmock/gmock.h>

#include <thread>

#include "tests/server/lifecycle/admin_fixture.h"
#include "tests/support/eventually.h"

namespace vitok {
namespace {

using ::testing::HasSubstr;

class StartTest : public AdminTest {
 protected:
  StartTest() {
    options_.models = {{.name = "fake", .load = {.folder = "none"}},
                       {.name = "fake", .version = 2, .load = {.folder = "slow"}}};
    options_.aliases = {{.alias = "stable", .model = {"fake", 1}}};
  }

  void ConnectTo(const std::string& address) {
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), BigMessages());
    stub_ = v1::Tokenizer::NewStub(channel_);
  }
};

TEST_F(StartTest, F1_CallsAreToldThatModelsLoadUntilAllAreThere) {
  std::thread start([this] { StartAdmin(); });
  slow_began_.WaitForNotification();
  ConnectTo(options_.listen);
  for (const char* model : {"", "fake", "fake:1", "fake:2", "stable"}) {
    const grpc::Status loading = EncodeWith(model);
    EXPECT_EQ(loading.error_code(), grpc::StatusCode::UNAVAILABLE) << model;
    EXPECT_THAT(loading.error_message(), HasSubstr("is loading"));
    EXPECT_TRUE(HasDetail<google::rpc::ErrorInfo>(loading));
    EXPECT_TRUE(HasDetail<google::rpc::RetryInfo>(loading));
  }
  EXPECT_EQ(EncodeWith("other").error_code(), grpc::StatusCode::NOT_FOUND);
  for (const char* name : {"", "vitok.v1.Tokenizer", "fake", "fake:1", "stable"}) {
    EXPECT_EQ(Health(name), kNotServing) << name;
  }
  slow_.Notify();
  start.join();
  for (const char* name : {"", "vitok.v1.Tokenizer", "fake", "fake:1", "fake:2", "stable"}) {
    EXPECT_EQ(Health(name), kServing) << name;
  }
  EXPECT_TRUE(EncodeWith("").ok());
  EXPECT_TRUE(EncodeWith("stable").ok());
}

TEST_F(StartTest, F19_AConfiguredModelThatFailsEndsTheStart) {
  options_.models[1].load.folder = "broken";
  EXPECT_EQ(Server::Start(options_, load_).status(), absl::FailedPreconditionError("model 'fake:2': no such folder"));
}

TEST_F(StartTest, F20_AConfiguredModelThatDoesNotFitEndsTheStart) {
  options_.memory_limit_bytes = 10;
  estimate_ = [](const LoadOptions&, int64_t) -> absl::StatusOr<ModelMemory> { return ModelMemory{.weights = 11}; };
  EXPECT_EQ(Server::Start(options_, load_, nullptr, {.estimate = estimate_}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(AdminTest, F17_ServesForTheDrainDelayWhileHealthSaysNotServing) {
  options_.drain_delay = absl::Seconds(2);
  StartAdmin();
  std::thread shutdown([this] { EXPECT_TRUE(server_->Shutdown()); });
  while (Health("fake") != kNotServing) {
  }
  EXPECT_EQ(Health(""), kNotServing);
  EXPECT_TRUE(EncodeWith("fake").ok());
  grpc::Status refused;
  while ((refused = EncodeWith("fake")).ok()) {
  }
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  shutdown.join();
}

TEST_F(AdminTest, F17_ShutdownDoesNotWaitForALoad) {
  StartAdmin();
  grpc::Status load;
  std::thread admin([&] { load = Load("fake", 2, "slow"); });
  slow_began_.WaitForNotification();
  EXPECT_TRUE(server_->loading());
  EXPECT_TRUE(server_->Shutdown());
  admin.join();
  EXPECT_EQ(load.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(load.error_message(), HasSubstr("draining"));
  EXPECT_TRUE(server_->loading());
  slow_.Notify();  // the destructor waits for it
}

TEST_F(AdminTest, F17_EndsWhileAnUnloadWaitsForACall) {
  absl::Notification running, release;
  control_->hook = [&](const std::vector<int64_t>&) {
    running.Notify();
    release.WaitForNotification();
    return absl::OkStatus();
  };
  StartAdmin();
  ASSERT_TRUE(Load("fake", 2, "none").ok());
  std::thread call([this] { EXPECT_TRUE(EncodeWith("fake:2").ok()); });
  running.WaitForNotification();
  grpc::Status unload;
  std::thread admin([&] { unload = Unload("fake", 2); });
  EXPECT_TRUE(Eventually([this] { return StateMetric("fake", 2, "UNLOADING") == 1; }));
  std::thread shutdown([this] { EXPECT_TRUE(server_->Shutdown()); });
  admin.join();
  EXPECT_EQ(unload.error_code(), grpc::StatusCode::UNAVAILABLE);
  release.Notify();
  call.join();
  shutdown.join();
}

}  // namespace
}  // namespace vitok
