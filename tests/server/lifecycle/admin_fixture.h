// A server with the admin service, whose models' folders say how they behave.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/server/server_fixture.h"
#include "vitok/v1/admin.grpc.pb.h"

namespace vitok {

// Folders: "none" the fake of ServerTest (patch side 2), "large" one of patch side 4, "slow" one that loads when
// slow_ is notified (and has notified slow_began_), "broken" one that does not load while broken_ is true, "too-large"
// one for which memory runs out.
class AdminTest : public ServerTest {
 protected:
  AdminTest() {
    options_.admin_listen = StrCat("unix:", folder_ / "admin.sock");
    load_ = [this](const LoadOptions& options) -> absl::StatusOr<std::unique_ptr<Tokenizer>> {
      if (options.folder == "broken" && broken_) return absl::NotFoundError("no such folder");
      if (options.folder == "too-large") throw std::bad_alloc();
      if (options.folder == "slow") {
        slow_began_.Notify();
        slow_.WaitForNotification();
      }
      return std::make_unique<FakeTokenizer>(options.folder == "large" ? 4 : kPatch, control_);
    };
  }

  void StartAdmin() {
    StartServer();
    admin_ = AdminStub(server_->admin_address());
  }

  static std::unique_ptr<v1::Admin::Stub> AdminStub(const std::string& address) {
    return v1::Admin::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }

  grpc::Status Load(const std::string& name, int64_t version, const std::string& folder, bool wait = true) {
    grpc::ClientContext context;
    v1::LoadModelRequest request;
    request.mutable_model()->set_name(name);
    request.mutable_model()->set_version(version);
    request.mutable_model()->set_folder(folder);
    request.set_wait(wait);
    return admin_->LoadModel(&context, request, &loaded_);
  }

  grpc::Status Unload(const std::string& name, int64_t version) {
    grpc::ClientContext context;
    v1::UnloadModelRequest request;
    request.set_name(name);
    request.set_version(version);
    v1::UnloadModelResponse response;
    return admin_->UnloadModel(&context, request, &response);
  }

  grpc::Status SetAlias(const std::string& alias, const std::string& model, int64_t version) {
    grpc::ClientContext context;
    v1::SetAliasRequest request;
    request.set_alias(alias);
    request.set_model(model);
    request.set_version(version);
    return admin_->SetAlias(&context, request, &alias_set_);
  }

  grpc::Status DeleteAlias(const std::string& alias) {
    grpc::ClientContext context;
    v1::DeleteAliasRequest request;
    request.set_alias(alias);
    v1::DeleteAliasResponse response;
    return admin_->DeleteAlias(&context, request, &response);
  }

  // "fake:1 READY", one a model.
  std::vector<std::string> Models() {
    grpc::ClientContext context;
    v1::ListAllModelsResponse response;
    EXPECT_TRUE(admin_->ListModels(&context, {}, &response).ok());
    std::vector<std::string> models;
    for (const v1::ModelStatus& model : response.models()) {
      models.push_back(StrCat(model.name(), ":", model.version(), " ",
                              v1::ModelState_Name(model.state()).substr(std::string("MODEL_STATE_").size())));
    }
    return models;
  }

  // Encodes an image of 4x4 pixels with a model; `tokens` is how many it has there.
  grpc::Status EncodeWith(const std::string& model, int64_t* tokens = nullptr) {
    v1::EncodeRequest request = EncodeOf(Raw(Image(4, 4)));
    request.set_model(model);
    v1::EncodeResponse response;
    const grpc::Status status = Encode(request, &response);
    if (status.ok() && tokens != nullptr) *tokens = response.results(0).tokens();
    return status;
  }

  double StateMetric(const std::string& name, int64_t version, const std::string& state) {
    return Metric(StrCat("vitok_model_state{model=\"", name, "\",state=\"", state, "\",version=\"", version, "\"}"));
  }

  std::atomic<bool> broken_{true};
  absl::Notification slow_began_, slow_;
  v1::LoadModelResponse loaded_;
  v1::SetAliasResponse alias_set_;
  std::unique_ptr<v1::Admin::Stub> admin_;
};

}  // namespace vitok
