#include "server/tokenizer_service.h"

#include <string>
#include <string_view>

#include "core/base/log.h"
#include "server/decode_call.h"
#include "server/encode_call.h"
#include "server/reconstruct_call.h"
#include "server/server_info.h"
#include "server/status_details.h"

namespace vitok {
namespace {

template <typename Call, typename Request, typename Response>
grpc::ServerUnaryReactor* StartCall(const ServiceContext& context, grpc::CallbackServerContext* rpc,
                                    const Request* request, Response* response) {
  auto* call = new Call(context, rpc, request, response);  // deletes itself in OnDone
  call->Start();
  return call;
}

// Calls that need no work have no log line otherwise; whoever tries tokens out must be seen.
void LogRefusal(std::string_view method, const absl::Status& status, const grpc::CallbackServerContext& rpc) {
  LogEvent(spdlog::level::info, "request",
           {{{"method", std::string(method)},
             {"code", std::string(CodeName(status.code()))},
             {"error", std::string(status.message())},
             {"peer", rpc.peer()}}});
}

// Answers a call that needs no work, unless the caller may not ask or the server drains. `fill` writes the reply.
template <typename Fill>
grpc::ServerUnaryReactor* AnswerAtOnce(const ServiceContext& context, std::string_view method,
                                       grpc::CallbackServerContext* rpc, Fill fill) {
  grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
  if (const absl::StatusOr<Identity> identity = context.authenticator->Authenticate(*rpc, Role::kInfer);
      !identity.ok()) {
    LogRefusal(method, identity.status(), *rpc);
    reactor->Finish(ToGrpcStatus(identity.status()));
    return reactor;
  }
  if (!context.gate->Enter()) {
    reactor->Finish(ToGrpcStatus(DrainingError()));
    return reactor;
  }
  fill();
  reactor->Finish(grpc::Status::OK);
  context.gate->Leave();
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* TokenizerService::Encode(grpc::CallbackServerContext* rpc, const v1::EncodeRequest* request,
                                                   v1::EncodeResponse* response) {
  return StartCall<EncodeCall>(context_, rpc, request, response);
}

grpc::ServerUnaryReactor* TokenizerService::Decode(grpc::CallbackServerContext* rpc, const v1::DecodeRequest* request,
                                                   v1::DecodeResponse* response) {
  return StartCall<DecodeCall>(context_, rpc, request, response);
}

grpc::ServerUnaryReactor* TokenizerService::Reconstruct(grpc::CallbackServerContext* rpc,
                                                        const v1::ReconstructRequest* request,
                                                        v1::ReconstructResponse* response) {
  return StartCall<ReconstructCall>(context_, rpc, request, response);
}

grpc::ServerUnaryReactor* TokenizerService::ListModels(grpc::CallbackServerContext* rpc,
                                                       const v1::ListModelsRequest* request,
                                                       v1::ListModelsResponse* response) {
  return AnswerAtOnce(context_, "ListModels", rpc,
                      [this, response] { WriteModels(*context_.models, response->mutable_models()); });
}

grpc::ServerUnaryReactor* TokenizerService::GetServerInfo(grpc::CallbackServerContext* rpc,
                                                          const v1::GetServerInfoRequest* request,
                                                          v1::GetServerInfoResponse* response) {
  return AnswerAtOnce(context_, "GetServerInfo", rpc,
                      [this, response] { WriteServerInfo(*context_.options, *context_.models, response); });
}

}  // namespace vitok
