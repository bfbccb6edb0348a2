// Models that come and go while calls run.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/server/lifecycle/admin_fixture.h"
#include "tests/support/eventually.h"

namespace vitok {
namespace {

using ::testing::ElementsAre;

TEST_F(AdminTest, UnloadWaitsForTheCallsThatRun) {
  absl::Notification running, release;
  control_->hook = [&](const std::vector<int64_t>&) {
    if (!running.HasBeenNotified()) running.Notify();
    release.WaitForNotification();
    return absl::OkStatus();
  };
  StartAdmin();
  ASSERT_TRUE(Load("fake", 2, "none").ok());
  std::thread call([this] { EXPECT_TRUE(EncodeWith("fake:2").ok()); });
  running.WaitForNotification();
  std::thread unload([this] { EXPECT_TRUE(Unload("fake", 2).ok()); });
  EXPECT_TRUE(Eventually([this] { return StateMetric("fake", 2, "UNLOADING") == 1; }));
  EXPECT_EQ(EncodeWith("fake:2").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Load("fake", 2, "none").error_code(), grpc::StatusCode::UNAVAILABLE) << "its memory is not free yet";
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY", "fake:2 UNLOADING"));
  release.Notify();
  call.join();
  unload.join();
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY"));
  EXPECT_EQ(StateMetric("fake", 2, "UNLOADING"), 0);
  EXPECT_TRUE(Load("fake", 2, "none").ok());
}

TEST_F(AdminTest, AnAliasMovesUnderLoadWithoutAnError) {
  StartAdmin();
  ASSERT_TRUE(Load("fake", 2, "large").ok());
  ASSERT_TRUE(SetAlias("stable", "fake", 1).ok());
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        int64_t tokens = 0;
        const grpc::Status status = EncodeWith("stable", &tokens);
        EXPECT_TRUE(status.ok()) << status.error_message();
        EXPECT_TRUE(tokens == 1 || tokens == 4) << tokens;
        ++calls;
      }
    });
  }
  for (int round = 0; round < 20 || calls < 50; ++round) EXPECT_TRUE(SetAlias("stable", "fake", 1 + round % 2).ok());
  stop = true;
  for (std::thread& caller : callers) caller.join();
}

TEST_F(AdminTest, OtherModelsServeWhileOneWarmsUp) {
  options_.batching.warm_up = absl::Milliseconds(1);
  std::atomic<int> warming{0};
  std::atomic<bool> loading{false};
  control_->hook = [&](const std::vector<int64_t>&) {
    if (loading) ++warming;
    return absl::OkStatus();
  };
  StartAdmin();
  loading = true;
  std::thread load([this] { EXPECT_TRUE(Load("fake", 2, "slow").ok()); });
  slow_began_.WaitForNotification();
  ExpectGoodService();
  slow_.Notify();
  do {
    ExpectGoodService();
  } while (StateMetric("fake", 2, "LOADING") == 1);
  load.join();
  EXPECT_GT(warming, 9) << "three steps of three ops at least";
}

TEST_F(AdminTest, F20_LoadUnloadAndCallsOnOneNameLeaveOneState) {
  StartAdmin();
  std::atomic<bool> stop{false};
  std::vector<std::thread> admins, callers;
  for (int i = 0; i < 2; ++i) {
    admins.emplace_back([this] {
      const auto stub = AdminStub(server_->admin_address());
      for (int round = 0; round < 40; ++round) {
        grpc::ClientContext context;
        v1::LoadModelRequest request;
        request.mutable_model()->set_name("swing");
        request.mutable_model()->set_folder(round % 8 == 7 ? "broken" : "none");
        v1::LoadModelResponse response;
        const grpc::StatusCode code = stub->LoadModel(&context, request, &response).error_code();
        EXPECT_TRUE(code == grpc::StatusCode::OK || code == grpc::StatusCode::ALREADY_EXISTS ||
                    code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::FAILED_PRECONDITION)
            << code;
      }
    });
    admins.emplace_back([this] {
      const auto stub = AdminStub(server_->admin_address());
      for (int round = 0; round < 40; ++round) {
        grpc::ClientContext context;
        v1::UnloadModelRequest request;
        request.set_name("swing");
        request.set_version(1);
        v1::UnloadModelResponse response;
        const grpc::StatusCode code = stub->UnloadModel(&context, request, &response).error_code();
        EXPECT_TRUE(code == grpc::StatusCode::OK || code == grpc::StatusCode::NOT_FOUND ||
                    code == grpc::StatusCode::UNAVAILABLE)
            << code;
      }
    });
    callers.emplace_back([&] {
      while (!stop) {
        const grpc::StatusCode code = EncodeWith("swing").error_code();
        EXPECT_TRUE(code == grpc::StatusCode::OK || code == grpc::StatusCode::NOT_FOUND ||
                    code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::FAILED_PRECONDITION)
            << code;
      }
    });
  }
  for (std::thread& admin : admins) admin.join();
  stop = true;
  for (std::thread& caller : callers) caller.join();
  const std::vector<std::string> models = Models();
  const bool ready = models.size() == 2 && models[1] == "swing:1 READY";
  EXPECT_TRUE(ready || models.size() == 1 || models[1] == "swing:1 FAILED") << models.back();
  EXPECT_EQ(EncodeWith("swing").ok(), ready);
  if (models.size() == 2) {
    EXPECT_TRUE(Unload("swing", 1).ok());
  }
  EXPECT_TRUE(Load("swing", 1, "none").ok());
  EXPECT_TRUE(EncodeWith("swing").ok());
  ExpectGoodService();
}

}  // namespace
}  // namespace vitok
