#include "server/lifecycle/admin_service.h"

#include <functional>
#include <string_view>
#include <utility>

#include "core/base/log.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/model_config.h"
#include "server/status_details.h"

namespace vitok {
namespace {

v1::ModelState ToProto(ModelState state) {
  switch (state) {
    case ModelState::kLoading: return v1::MODEL_STATE_LOADING;
    case ModelState::kReady: return v1::MODEL_STATE_READY;
    case ModelState::kUnloading: return v1::MODEL_STATE_UNLOADING;
    case ModelState::kFailed: return v1::MODEL_STATE_FAILED;
  }
  return v1::MODEL_STATE_UNSPECIFIED;
}

void Write(const ModelRegistry::Entry& entry, v1::ModelStatus* message) {
  message->set_name(entry.key.name);
  message->set_version(entry.key.version);
  message->set_state(ToProto(entry.state));
  message->set_reason(std::string(entry.failure.message()));
  message->set_weight_bytes(entry.weight_bytes);
  message->set_load_seconds(absl::ToDoubleSeconds(entry.load_time));
  for (const std::string& alias : entry.aliases) message->add_aliases(alias);
  message->set_is_default(entry.is_default);
}

absl::StatusOr<ModelOptions> ReadSpec(const v1::ModelSpec& spec) {
  config::Model model;
  model.set_name(spec.name());
  if (spec.version() != 0) model.set_version(spec.version());
  model.set_folder(spec.folder());
  model.set_hub(spec.hub());
  model.set_variant(spec.variant());
  if (!spec.dtype().empty()) model.set_dtype(spec.dtype());
  if (!spec.device().empty()) model.set_device(spec.device());
  if (!spec.halves().empty()) model.set_halves(spec.halves());
  model.set_sliding_window(spec.sliding_window());
  model.set_attend_padding_to(spec.attend_padding_to());
  model.set_preprocess(spec.preprocess());
  return ReadModel("model", model);
}

absl::StatusOr<ModelKey> ReadKey(std::string_view field, const std::string& name, int64_t version) {
  VITOK_RETURN_IF_ERROR(CheckModelName(field, name));
  if (version < 1) return FieldError("version", StrCat("must be at least 1; was ", version));
  return ModelKey{name, version};
}

}  // namespace

// One call, from the check of its caller to its log line.
class AdminService::Call {
 public:
  Call(std::string_view method, const AdminService& service, grpc::CallbackServerContext* rpc, std::string subject)
      : method_(method), service_(service), rpc_(rpc), subject_(std::move(subject)), reactor_(rpc->DefaultReactor()) {}

  absl::Status Check() {
    const Context& context = service_.context_;
    VITOK_ASSIGN_OR_RETURN(identity_, context.authenticator->Authenticate(*rpc_, Role::kAdmin));
    // The ticket is given back at once: to drain is not to wait for a load.
    if (!context.gate->Enter().has_value()) return DrainingError();
    return service_.refusal_.empty() ? absl::OkStatus() : absl::FailedPreconditionError(service_.refusal_);
  }

  // Ends the call; nothing of it may be touched afterwards.
  void Finish(const absl::Status& status) const {
    std::vector<LogField> fields = {{"method", std::string(method_)},
                                    {"identity", identity_.name},
                                    {"subject", subject_},
                                    {"code", std::string(CodeName(status.code()))}};
    if (!status.ok()) fields.push_back({"error", std::string(status.message())});
    if (absl::IsUnauthenticated(status)) fields.push_back({"peer", rpc_->peer()});
    LogEvent(spdlog::level::info, "admin", fields);
    reactor_->Finish(ToGrpcStatus(status));
  }

  // Runs `work` and ends the call with what it returns.
  grpc::ServerUnaryReactor* FinishWith(const std::function<absl::Status()>& work) {
    absl::Status status = Check();
    if (status.ok()) status = work();
    grpc::ServerUnaryReactor* const reactor = reactor_;
    Finish(status);
    return reactor;
  }

  // `begin` starts work that takes its time and will call the Done it was given, unless `begin` returns an error.
  grpc::ServerUnaryReactor* FinishLater(const std::function<absl::Status(ModelManager::Done)>& begin) {
    grpc::ServerUnaryReactor* const reactor = reactor_;
    absl::Status status = Check();
    if (status.ok()) status = begin([call = *this](const absl::Status& result) { call.Finish(result); });
    if (!status.ok()) Finish(status);
    return reactor;
  }

 private:
  std::string_view method_;
  const AdminService& service_;
  grpc::CallbackServerContext* rpc_;
  std::string subject_;
  grpc::ServerUnaryReactor* reactor_;
  Identity identity_;
};

grpc::ServerUnaryReactor* AdminService::LoadModel(grpc::CallbackServerContext* rpc, const v1::LoadModelRequest* request,
                                                  v1::LoadModelResponse* response) {
  Call call("LoadModel", *this, rpc,
            StrCat(request->model().name(), ":", request->model().version() == 0 ? 1 : request->model().version()));
  const auto write_status = [this, response](const ModelKey& key) {
    for (const ModelRegistry::Entry& entry : context_.models->List()) {
      if (entry.key == key) Write(entry, response->mutable_model());
    }
  };
  if (request->has_wait() && !request->wait()) {
    return call.FinishWith([&]() -> absl::Status {
      VITOK_ASSIGN_OR_RETURN(const ModelOptions options, ReadSpec(request->model()));
      VITOK_RETURN_IF_ERROR(context_.manager->Load(options, nullptr));
      write_status(options.key());
      return absl::OkStatus();
    });
  }
  return call.FinishLater([&](ModelManager::Done done) -> absl::Status {
    VITOK_ASSIGN_OR_RETURN(const ModelOptions options, ReadSpec(request->model()));
    return context_.manager->Load(
        options, [write_status, key = options.key(), done = std::move(done)](const absl::Status& status) mutable {
          if (status.ok()) write_status(key);
          done(status);
        });
  });
}

grpc::ServerUnaryReactor* AdminService::UnloadModel(grpc::CallbackServerContext* rpc,
                                                    const v1::UnloadModelRequest* request,
                                                    v1::UnloadModelResponse* response) {
  Call call("UnloadModel", *this, rpc, StrCat(request->name(), ":", request->version()));
  return call.FinishLater([&](ModelManager::Done done) -> absl::Status {
    VITOK_ASSIGN_OR_RETURN(const ModelKey key, ReadKey("name", request->name(), request->version()));
    return context_.manager->Unload(key, std::move(done));
  });
}

grpc::ServerUnaryReactor* AdminService::SetAlias(grpc::CallbackServerContext* rpc, const v1::SetAliasRequest* request,
                                                 v1::SetAliasResponse* response) {
  Call call("SetAlias", *this, rpc, StrCat(request->alias(), " to ", request->model(), ":", request->version()));
  return call.FinishWith([&]() -> absl::Status {
    VITOK_RETURN_IF_ERROR(CheckModelName("alias", request->alias()));
    VITOK_ASSIGN_OR_RETURN(const ModelKey key, ReadKey("model", request->model(), request->version()));
    VITOK_ASSIGN_OR_RETURN(const std::optional<ModelKey> before, context_.models->SetAlias(request->alias(), key));
    if (before.has_value()) {
      response->set_previous_model(before->name);
      response->set_previous_version(before->version);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::DeleteAlias(grpc::CallbackServerContext* rpc,
                                                    const v1::DeleteAliasRequest* request,
                                                    v1::DeleteAliasResponse* response) {
  Call call("DeleteAlias", *this, rpc, request->alias());
  return call.FinishWith([&] { return context_.models->DeleteAlias(request->alias()); });
}

grpc::ServerUnaryReactor* AdminService::ListModels(grpc::CallbackServerContext* rpc,
                                                   const v1::ListAllModelsRequest* request,
                                                   v1::ListAllModelsResponse* response) {
  Call call("ListModels", *this, rpc, "");
  return call.FinishWith([&] {
    for (const ModelRegistry::Entry& entry : context_.models->List()) Write(entry, response->add_models());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::SetLogLevel(grpc::CallbackServerContext* rpc,
                                                    const v1::SetLogLevelRequest* request,
                                                    v1::SetLogLevelResponse* response) {
  Call call("SetLogLevel", *this, rpc, request->level());
  return call.FinishWith([&]() -> absl::Status {
    VITOK_ASSIGN_OR_RETURN(*response->mutable_previous_level(), vitok::SetLogLevel(request->level()));
    return absl::OkStatus();
  });
}

}  // namespace vitok
