#include "server/tokenizer_service.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/request_log.h"
#include "server/server_info.h"
#include "server/status_details.h"
#include "server/stream_call.h"
#include "server/unary_call.h"

namespace vitok {
namespace {

// Calls that need no work have no log line otherwise; whoever tries tokens out must be seen.
void LogRefusal(std::string_view method, const absl::Status& status, const grpc::CallbackServerContext& rpc) {
  LogRequest(status.code(), [&] {
    return std::vector<LogField>{{"method", std::string(method)},
                                 {"code", std::string(CodeName(status.code()))},
                                 {"error", std::string(status.message())},
                                 {"peer", rpc.peer()}};
  });
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
  const std::optional<DrainGate::Ticket> ticket = context.gate->Enter();
  if (!ticket.has_value()) {
    reactor->Finish(ToGrpcStatus(DrainingError()));
    return reactor;
  }
  fill();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* TokenizerService::Encode(grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return new UnaryCall(context_, TokenizerOp::kEncode, rpc, *request, response);
}

grpc::ServerUnaryReactor* TokenizerService::Decode(grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return new UnaryCall(context_, TokenizerOp::kDecode, rpc, *request, response);
}

grpc::ServerUnaryReactor* TokenizerService::Reconstruct(grpc::CallbackServerContext* rpc,
                                                        const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return new UnaryCall(context_, TokenizerOp::kReconstruct, rpc, *request, response);
}

TokenizerService::StreamReactor* TokenizerService::EncodeStream(grpc::CallbackServerContext* rpc) {
  return StreamCall::Start(context_, TokenizerOp::kEncode, rpc);
}

TokenizerService::StreamReactor* TokenizerService::DecodeStream(grpc::CallbackServerContext* rpc) {
  return StreamCall::Start(context_, TokenizerOp::kDecode, rpc);
}

TokenizerService::StreamReactor* TokenizerService::ReconstructStream(grpc::CallbackServerContext* rpc) {
  return StreamCall::Start(context_, TokenizerOp::kReconstruct, rpc);
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
