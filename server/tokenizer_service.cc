#include "server/tokenizer_service.h"

#include <string>
#include <string_view>

#include "core/base/log.h"
#include "core/base/version.h"
#include "server/build_info.h"
#include "server/decode_call.h"
#include "server/encode_call.h"
#include "server/reconstruct_call.h"
#include "server/status_details.h"
#include "server/tensor_convert.h"

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

void WriteModelInfo(const LoadedModel& model, bool is_default, v1::ModelInfo* message) {
  const TokenizerInfo& info = model.info();
  message->set_name(model.name);
  message->set_variant(info.variant);
  message->set_patch_px(static_cast<int32_t>(info.patch_px));
  message->set_latent_channels(static_cast<int32_t>(info.latent_channels));
  message->set_dtype(ToProto(info.dtype));
  message->set_device(info.device);
  message->set_can_encode(info.can_encode);
  message->set_can_decode(info.can_decode);
  message->set_encoder_parameters(info.encoder_parameters);
  message->set_decoder_parameters(info.decoder_parameters);
  message->set_preprocess(model.preprocess);
  message->set_is_default(is_default);
}

void WriteLimits(const ServerOptions& options, v1::Limits* message) {
  message->set_max_message_bytes(options.limits.max_message_bytes);
  message->set_max_images_per_request(options.limits.max_images_per_request);
  message->set_max_image_tokens(options.limits.max_image_tokens);
  message->set_max_image_pixels(options.limits.max_image_pixels);
  message->set_max_batch_tokens(options.batching.max_batch_tokens);
  message->set_max_queued_requests(options.batching.max_queued_requests);
  message->set_max_queued_tokens(options.batching.max_queued_tokens);
  message->set_max_queued_bytes(options.batching.max_queued_bytes);
}

template <typename Response>
void WriteModels(const ModelRegistry& models, Response* response) {
  for (const auto& model : models.models()) {
    WriteModelInfo(*model, model->name == models.default_name(), response->add_models());
  }
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
  return AnswerAtOnce(context_, "ListModels", rpc, [this, response] { WriteModels(*context_.models, response); });
}

grpc::ServerUnaryReactor* TokenizerService::GetServerInfo(grpc::CallbackServerContext* rpc,
                                                          const v1::GetServerInfoRequest* request,
                                                          v1::GetServerInfoResponse* response) {
  return AnswerAtOnce(context_, "GetServerInfo", rpc, [this, response] {
    response->set_version(std::string(Version()));
    response->set_build(BuildDescription());
    WriteModels(*context_.models, response);
    WriteLimits(*context_.options, response->mutable_limits());
  });
}

}  // namespace vitok
