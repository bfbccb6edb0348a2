// vitok.v1.Tokenizer over gRPC's callback API.
#pragma once

#include "server/service_context.h"
#include "vitok/v1/tokenizer.grpc.pb.h"

namespace vitok {

// Thread-safe; no method blocks the gRPC thread it is called on.
class TokenizerService final : public v1::Tokenizer::CallbackService {
 public:
  explicit TokenizerService(const ServiceContext& context) : context_(context) {}

  grpc::ServerUnaryReactor* Encode(grpc::CallbackServerContext* rpc, const v1::EncodeRequest* request,
                                   v1::EncodeResponse* response) override;
  grpc::ServerUnaryReactor* Decode(grpc::CallbackServerContext* rpc, const v1::DecodeRequest* request,
                                   v1::DecodeResponse* response) override;
  grpc::ServerUnaryReactor* Reconstruct(grpc::CallbackServerContext* rpc, const v1::ReconstructRequest* request,
                                        v1::ReconstructResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* rpc, const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* rpc, const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;

 private:
  const ServiceContext context_;
};

}  // namespace vitok
