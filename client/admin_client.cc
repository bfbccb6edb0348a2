#include "client/admin_client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "client/call_status.h"
#include "client/channel.h"
#include "client/credentials.h"
#include "core/base/status_macros.h"
#include "vitok/v1/admin.grpc.pb.h"

namespace vitok {

class AdminClient::Stub {
 public:
  Stub(const std::string& target, const TokenizerClientOptions& options)
      : target_(target),
        options_(options),
        stub_(v1::Admin::NewStub(MakeChannel(target, {.max_message_bytes = options.max_message_bytes,
                                                      .connect_timeout = options.connect_timeout,
                                                      .tls = options.tls}))) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&,
                                                                        Response*),
                                const Request& request) const {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + options_.deadline));
    if (!options_.token.empty()) context.AddMetadata("authorization", "Bearer " + options_.token);
    Response response;
    const grpc::Status grpc_status = (*stub_.*method)(&context, request, &response);
    if (grpc_status.ok()) return response;
    const absl::Status status = ToAbslStatus(grpc_status);
    if (!IsUnreachable(status)) return status;
    return absl::UnavailableError(ExplainUnreachable(target_, options_.tls, std::string(status.message())));
  }

 private:
  const std::string target_;
  const TokenizerClientOptions options_;
  const std::unique_ptr<v1::Admin::Stub> stub_;
};

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Create(const std::string& target,
                                                                 const TokenizerClientOptions& options) {
  VITOK_RETURN_IF_ERROR(CheckTarget(target));
  VITOK_RETURN_IF_ERROR(CheckCredentials(target, options));
  return std::unique_ptr<AdminClient>(new AdminClient(std::make_unique<Stub>(target, options)));
}

AdminClient::AdminClient(std::unique_ptr<Stub> stub) : stub_(std::move(stub)) {}
AdminClient::~AdminClient() = default;

absl::StatusOr<v1::LoadModelResponse> AdminClient::LoadModel(const v1::LoadModelRequest& request) const {
  return stub_->Call(&v1::Admin::Stub::LoadModel, request);
}

absl::StatusOr<v1::UnloadModelResponse> AdminClient::UnloadModel(const v1::UnloadModelRequest& request) const {
  return stub_->Call(&v1::Admin::Stub::UnloadModel, request);
}

absl::StatusOr<v1::SetAliasResponse> AdminClient::SetAlias(const v1::SetAliasRequest& request) const {
  return stub_->Call(&v1::Admin::Stub::SetAlias, request);
}

absl::StatusOr<v1::DeleteAliasResponse> AdminClient::DeleteAlias(const v1::DeleteAliasRequest& request) const {
  return stub_->Call(&v1::Admin::Stub::DeleteAlias, request);
}

absl::StatusOr<v1::ListAllModelsResponse> AdminClient::ListModels() const {
  return stub_->Call(&v1::Admin::Stub::ListModels, v1::ListAllModelsRequest());
}

absl::StatusOr<v1::SetLogLevelResponse> AdminClient::SetLogLevel(const v1::SetLogLevelRequest& request) const {
  return stub_->Call(&v1::Admin::Stub::SetLogLevel, request);
}

}  // namespace vitok
