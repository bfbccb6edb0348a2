// vitok.v1.Admin over gRPC's callback API.
#pragma once

#include <string>

#include "server/drain_gate.h"
#include "server/lifecycle/model_manager.h"
#include "server/model_registry.h"
#include "server/security/authenticator.h"
#include "vitok/v1/admin.grpc.pb.h"

namespace vitok {

// Thread-safe; no method blocks the gRPC thread it is called on.
class AdminService final : public v1::Admin::CallbackService {
 public:
  // Not owned; outlives every call.
  struct Context {
    const Authenticator* authenticator = nullptr;
    DrainGate* gate = nullptr;
    ModelRegistry* models = nullptr;
    ModelManager* manager = nullptr;
  };

  // `refusal`: FAILED_PRECONDITION with this text for every call, once the caller has been let in; empty: calls are
  // served.
  explicit AdminService(const Context& context, std::string refusal = "")
      : context_(context), refusal_(std::move(refusal)) {}

  grpc::ServerUnaryReactor* LoadModel(grpc::CallbackServerContext* rpc, const v1::LoadModelRequest* request,
                                      v1::LoadModelResponse* response) override;
  grpc::ServerUnaryReactor* UnloadModel(grpc::CallbackServerContext* rpc, const v1::UnloadModelRequest* request,
                                        v1::UnloadModelResponse* response) override;
  grpc::ServerUnaryReactor* SetAlias(grpc::CallbackServerContext* rpc, const v1::SetAliasRequest* request,
                                     v1::SetAliasResponse* response) override;
  grpc::ServerUnaryReactor* DeleteAlias(grpc::CallbackServerContext* rpc, const v1::DeleteAliasRequest* request,
                                        v1::DeleteAliasResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc, const v1::ListAllModelsRequest* request,
                                       v1::ListAllModelsResponse* response) override;
  grpc::ServerUnaryReactor* SetLogLevel(grpc::CallbackServerContext* rpc, const v1::SetLogLevelRequest* request,
                                        v1::SetLogLevelResponse* response) override;

 private:
  class Call;

  const Context context_;
  const std::string refusal_;
};

}  // namespace vitok
