// The calls of vitok.v1.Admin, one by one.
#include <gmock/gmock.h>

#include <thread>

#include "spdlog/spdlog.h"
#include "tests/server/lifecycle/admin_fixture.h"
#include "tests/server/lifecycle/health_watch.h"
#include "tests/support/eventually.h"
#include "tests/support/text_file.h"

namespace vitok {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(AdminTest, LoadsAModelThatCallsThenFind) {
  StartAdmin();
  ASSERT_TRUE(Load("fake", 2, "large").ok());
  EXPECT_EQ(loaded_.model().version(), 2);
  EXPECT_EQ(loaded_.model().state(), v1::MODEL_STATE_READY);
  EXPECT_EQ(loaded_.model().weight_bytes(), 3 * 4) << "three parameters";
  int64_t tokens = 0;
  ASSERT_TRUE(EncodeWith("fake:2", &tokens).ok());
  EXPECT_EQ(tokens, 1);
  ASSERT_TRUE(EncodeWith("fake", &tokens).ok());
  EXPECT_EQ(tokens, 1) << "the highest version";
  ASSERT_TRUE(EncodeWith("fake:1", &tokens).ok());
  EXPECT_EQ(tokens, 4);
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY", "fake:2 READY"));
  EXPECT_EQ(StateMetric("fake", 2, "READY"), 1);
  EXPECT_EQ(StateMetric("fake", 2, "LOADING"), 0);
  EXPECT_GE(Metric("vitok_model_load_seconds{model=\"fake\",version=\"2\"}"), 0);
}

TEST_F(AdminTest, NamesAppearInHealthWithTheirModels) {
  StartAdmin();
  EXPECT_EQ(Health("fake"), kServing);
  EXPECT_EQ(Health("fake:1"), kServing);
  EXPECT_EQ(Health("other"), "") << "not known";
  ASSERT_TRUE(Load("other", 3, "large").ok());
  ASSERT_TRUE(SetAlias("stable", "other", 3).ok());
  for (const char* name : {"other", "other:3", "stable"}) EXPECT_EQ(Health(name), kServing) << name;
  ASSERT_TRUE(DeleteAlias("stable").ok());
  ASSERT_TRUE(Unload("other", 3).ok());
  for (const char* name : {"other", "other:3", "stable"}) EXPECT_EQ(Health(name), kNotServing) << name;
  EXPECT_EQ(Health(""), kServing);
}

TEST_F(AdminTest, WatchersAreToldWhenAModelComesAndGoes) {
  StartAdmin();
  HealthWatch watch(channel_, "other");
  ASSERT_TRUE(Load("other", 1, "none").ok());
  EXPECT_TRUE(watch.Await(kServing));
  ASSERT_TRUE(Unload("other", 1).ok());
  EXPECT_EQ(watch.Next(), kNotServing);
  ASSERT_TRUE(Load("other", 2, "none").ok());
  EXPECT_EQ(watch.Next(), kServing);
  server_->Shutdown();
  EXPECT_EQ(watch.Next(), kNotServing);
}

TEST_F(AdminTest, AnswersAtOnceIfAskedTo) {
  StartAdmin();
  ASSERT_TRUE(Load("fake", 2, "slow", /*wait=*/false).ok());
  EXPECT_EQ(loaded_.model().state(), v1::MODEL_STATE_LOADING);
  EXPECT_EQ(StateMetric("fake", 2, "LOADING"), 1);
  EXPECT_EQ(Health("fake:2"), kNotServing);
  const grpc::Status loading = EncodeWith("fake:2");
  EXPECT_EQ(loading.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(HasDetail<google::rpc::RetryInfo>(loading));
  EXPECT_EQ(Load("fake", 2, "none").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Unload("fake", 2).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(SetAlias("stable", "fake", 2).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  ExpectGoodService();
  slow_.Notify();
  EXPECT_TRUE(Eventually([this] { return EncodeWith("fake:2").ok(); }));
}

TEST_F(AdminTest, F19_AFailedLoadLeavesTheOthersServingAndCanBeRepeated) {
  StartAdmin();
  const grpc::Status failed = Load("fake", 2, "broken");
  EXPECT_EQ(failed.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(failed.error_message(), "model 'fake:2': no such folder");
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY", "fake:2 FAILED"));
  EXPECT_EQ(StateMetric("fake", 2, "FAILED"), 1);
  const grpc::Status call = EncodeWith("fake:2");
  EXPECT_EQ(call.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(call.error_message(), HasSubstr("no such folder"));
  EXPECT_TRUE(EncodeWith("fake").ok());
  ExpectGoodService();
  broken_ = false;
  EXPECT_TRUE(Load("fake", 2, "broken").ok());
  EXPECT_TRUE(EncodeWith("fake:2").ok());
}

TEST_F(AdminTest, LoadsAModelOfTheHub) {
  bool is_down = true;
  fetch_ = [&is_down](const ModelOptions& model) -> absl::StatusOr<std::string> {
    if (is_down) return absl::FailedPreconditionError(StrCat("no hub for ", model.hub));
    return "none";
  };
  StartAdmin();
  const auto load = [this](const std::string& folder, const std::string& hub) {
    grpc::ClientContext context;
    v1::LoadModelRequest request;
    request.mutable_model()->set_name("published");
    request.mutable_model()->set_folder(folder);
    request.mutable_model()->set_hub(hub);
    return admin_->LoadModel(&context, request, &loaded_);
  };
  const grpc::Status failed = load("", "org/repo@v1");
  EXPECT_EQ(failed.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(failed.error_message(), HasSubstr("no hub for org/repo@v1"));
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY", "published:1 FAILED"));
  is_down = false;
  EXPECT_TRUE(load("", "org/repo@v1").ok());
  EXPECT_TRUE(EncodeWith("published").ok());
  // Neither a path nor an unknown name gets that far.
  EXPECT_EQ(load("", "../../etc").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(load("", "no-such-name").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(load("none", "org/repo").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AdminTest, F19_ALoadThatRunsOutOfMemoryCanBeRepeated) {
  StartAdmin();
  const grpc::Status failed = Load("fake", 2, "too-large");
  EXPECT_EQ(failed.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(failed.error_message(), HasSubstr("memory ran out"));
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY", "fake:2 FAILED"));
  EXPECT_TRUE(Load("fake", 2, "none").ok());
  EXPECT_TRUE(EncodeWith("fake:2").ok());
}

TEST_F(AdminTest, F19_AModelThatDoesNotRunIsNotReady) {
  options_.batching.warm_up = absl::Milliseconds(1);
  StartAdmin();
  control_->hook = [](const std::vector<int64_t>&) { return absl::InternalError("no kernel"); };
  const grpc::Status failed = Load("fake", 2, "none");
  EXPECT_EQ(failed.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(failed.error_message(), HasSubstr("no kernel"));
  control_->hook = nullptr;
  ExpectGoodService();
}

TEST_F(AdminTest, F19_ChecksTheDigestsOfAFolder) {
  StartAdmin();
  WriteTextFile(folder_ / "encoder.safetensors", "abc");
  WriteTextFile(folder_ / "SHA256SUMS", std::string(64, '0') + "  encoder.safetensors\n");
  const grpc::Status failed = Load("fake", 2, folder_ / "");
  EXPECT_EQ(failed.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(failed.error_message(),
              AllOf(HasSubstr("encoder.safetensors has the SHA-256 digest ba7816bf"), HasSubstr(std::string(64, '0'))));
}

TEST_F(AdminTest, F20_RefusesALoadThatDoesNotFitBeforeItBegins) {
  options_.memory_limit_bytes = 1000;
  estimate_ = [](const LoadOptions& options, int64_t) -> absl::StatusOr<ModelMemory> {
    return ModelMemory{.weights = options.folder == "slow" ? 900 : 400, .activations = 100};
  };
  StartAdmin();
  const grpc::Status refused = Load("fake", 2, "slow");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), AllOf(HasSubstr("needs 1000 bytes on cpu"), HasSubstr("600 are available")));
  EXPECT_FALSE(slow_began_.HasBeenNotified()) << "nothing was read";
  EXPECT_EQ(Load("fake", 3, "broken").error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(Load("fake", 4, "none").ok()) << "the failed load has given its memory back";
  EXPECT_EQ(Load("fake", 5, "none").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Unload("fake", 4).ok());
  EXPECT_TRUE(Load("fake", 5, "none").ok());
}

TEST_F(AdminTest, ChecksWhatItIsAskedFor) {
  StartAdmin();
  EXPECT_EQ(Load("", 1, "none").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Load("a:b", 1, "none").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Load("a", -1, "none").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Load("a", 1, "").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Load("fake", 1, "none").error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Unload("fake", 0).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Unload("fake", 9).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(SetAlias("a b", "fake", 1).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SetAlias("fake", "fake", 1).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(DeleteAlias("nobody").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(Models(), ElementsAre("fake:1 READY"));
}

TEST_F(AdminTest, F24_AliasesAndTheDefaultHoldTheirVersions) {
  StartAdmin();
  ASSERT_TRUE(Load("fake", 2, "large").ok());
  ASSERT_TRUE(SetAlias("stable", "fake", 1).ok());
  EXPECT_EQ(alias_set_.previous_model(), "");
  EXPECT_EQ(Unload("fake", 1).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(SetAlias("stable", "fake", 2).ok());
  EXPECT_EQ(alias_set_.previous_model(), "fake");
  EXPECT_EQ(alias_set_.previous_version(), 1);
  ASSERT_TRUE(Unload("fake", 1).ok());
  EXPECT_EQ(SetAlias("stable", "fake", 1).error_code(), grpc::StatusCode::FAILED_PRECONDITION) << "not loaded";
  ASSERT_TRUE(DeleteAlias("stable").ok());
  EXPECT_EQ(Unload("fake", 2).error_code(), grpc::StatusCode::FAILED_PRECONDITION) << "the default's last version";
  EXPECT_TRUE(EncodeWith("").ok());
}

TEST_F(AdminTest, F24_TheMainPortSaysWhereAdminCallsGo) {
  StartAdmin();
  const auto on_main_port = AdminStub(server_->address());
  grpc::ClientContext context;
  v1::ListAllModelsResponse response;
  const grpc::Status refused = on_main_port->ListModels(&context, {}, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("admin.listen"));
}

TEST_F(AdminTest, F24_WithoutAdminModeALoadSaysWhatToConfigure) {
  options_.admin_listen = "";
  StartServer();
  EXPECT_EQ(server_->admin_address(), "");
  admin_ = AdminStub(server_->address());
  const grpc::Status refused = Load("fake", 2, "none");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("set admin.listen"));
  EXPECT_EQ(EncodeWith("fake:2").error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(AdminTest, F22_AsksForTheRoleAdmin) {
  options_.auth.tokens_file =
      WriteTextFile(folder_ / "tokens", "infer-token-infer-token trainer infer\nadmin-token-admin-token ops admin\n");
  StartAdmin();
  for (const auto& [token, code] : {std::pair("", grpc::StatusCode::UNAUTHENTICATED),
                                    std::pair("infer-token-infer-token", grpc::StatusCode::PERMISSION_DENIED),
                                    std::pair("admin-token-admin-token", grpc::StatusCode::OK)}) {
    grpc::ClientContext context;
    if (*token != '\0') context.AddMetadata("authorization", StrCat("Bearer ", token));
    v1::ListAllModelsResponse response;
    EXPECT_EQ(admin_->ListModels(&context, {}, &response).error_code(), code) << token;
  }
}

TEST_F(AdminTest, SetsTheLogLevel) {
  StartAdmin();
  const auto before = spdlog::default_logger()->level();
  const auto set = [this](const std::string& level, v1::SetLogLevelResponse* response) {
    grpc::ClientContext context;
    v1::SetLogLevelRequest request;
    request.set_level(level);
    return admin_->SetLogLevel(&context, request, response);
  };
  v1::SetLogLevelResponse response;
  ASSERT_TRUE(set("error", &response).ok());
  EXPECT_EQ(spdlog::default_logger()->level(), spdlog::level::err);
  ASSERT_TRUE(set("warn", &response).ok());
  EXPECT_EQ(response.previous_level(), "error");
  EXPECT_EQ(set("loud", &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  spdlog::default_logger()->set_level(before);
}

}  // namespace
}  // namespace vitok
