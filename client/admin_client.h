// Client of the vitok.v1.Admin service: models and aliases of a running server.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/tokenizer_client.h"
#include "vitok/v1/admin.pb.h"

namespace vitok {

// One channel to the admin port of one server. All calls block, for options.deadline at most, and are thread-safe. None
// is repeated by itself. Errors are those of the server (proto/vitok/v1/admin.proto) with their details as payloads.
//
//   VITOK_ASSIGN_OR_RETURN(auto admin, AdminClient::Create("127.0.0.1:8502", {.deadline = absl::Minutes(10)}));
//   VITOK_RETURN_IF_ERROR(admin->LoadModel(request).status());
class AdminClient {
 public:
  // `target`: "host:port" or "unix:/path". Does not connect. INVALID_ARGUMENT: anything else, or credentials that
  // cannot be used. REQUIRES: options in their bounds.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Create(const std::string& target,
                                                             const TokenizerClientOptions& options);
  ~AdminClient();

  absl::StatusOr<v1::LoadModelResponse> LoadModel(const v1::LoadModelRequest& request) const;
  absl::StatusOr<v1::UnloadModelResponse> UnloadModel(const v1::UnloadModelRequest& request) const;
  absl::StatusOr<v1::SetAliasResponse> SetAlias(const v1::SetAliasRequest& request) const;
  absl::StatusOr<v1::DeleteAliasResponse> DeleteAlias(const v1::DeleteAliasRequest& request) const;
  absl::StatusOr<v1::ListAllModelsResponse> ListModels() const;
  absl::StatusOr<v1::SetLogLevelResponse> SetLogLevel(const v1::SetLogLevelRequest& request) const;

 private:
  class Stub;  // keeps gRPC out of this header

  explicit AdminClient(std::unique_ptr<Stub> stub);

  const std::unique_ptr<Stub> stub_;
};

}  // namespace vitok
