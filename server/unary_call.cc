#include "server/unary_call.h"

#include <utility>

#include "core/base/str_cat.h"
#include "server/new_call.h"
#include "server/status_details.h"

namespace vitok {
namespace {

std::string_view UnaryMethod(TokenizerOp op) {
  switch (op) {
    case TokenizerOp::kEncode: return "vitok.v1.Tokenizer/Encode";
    case TokenizerOp::kDecode: return "vitok.v1.Tokenizer/Decode";
    case TokenizerOp::kReconstruct: break;
  }
  return "vitok.v1.Tokenizer/Reconstruct";
}

}  // namespace

UnaryCall::UnaryCall(const ServiceContext& context, TokenizerOp op, grpc::CallbackServerContext* rpc,
                     const grpc::ByteBuffer& request, grpc::ByteBuffer* reply)
    : context_(context),
      rpc_(rpc),
      reply_(reply),
      call_(NewCall(context, op, ReadCaller(context, *rpc, UnaryMethod(op)),
                    [this](CallEnd end) { OnEnd(std::move(end)); })) {
  rpc_->AddInitialMetadata("x-request-id", call_->request_id());
  // gRPC keeps this object until the constructor's caller has returned, however fast the call ends.
  call_->Start(request);
}

void UnaryCall::OnEnd(CallEnd end) {
  end_ = std::move(end);
  *reply_ = std::move(end_.reply);
  if (const absl::Duration retry = RetryDelay(end_.status); retry > absl::ZeroDuration()) {
    rpc_->AddTrailingMetadata("grpc-retry-pushback-ms", StrCat(absl::ToInt64Milliseconds(retry)));
  }
  send_watch_ = context_.sends->Begin([this] { rpc_->TryCancel(); });
  Finish(ToGrpcStatus(end_.status));  // nothing of this call may be touched after it
}

void UnaryCall::OnDone() {
  context_.sends->End(send_watch_);
  const CallEnd end = std::move(end_);  // the last to go: it lets the server be destroyed
  delete this;
}

}  // namespace vitok
