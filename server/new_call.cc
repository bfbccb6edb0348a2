#include "server/new_call.h"

#include <utility>

#include "server/decode_call.h"
#include "server/encode_call.h"
#include "server/reconstruct_call.h"

namespace vitok {

Caller ReadCaller(const ServiceContext& context, const grpc::CallbackServerContext& rpc, std::string_view method) {
  return {.identity = context.authenticator->Authenticate(rpc, Role::kInfer),
          .deadline = absl::FromChrono(rpc.deadline()),
          .peer = rpc.peer(),
          .metadata = &rpc.client_metadata(),
          .method = method};
}

std::shared_ptr<ItemCall> NewCall(const ServiceContext& context, TokenizerOp op, Caller caller, ItemCall::Done done) {
  switch (op) {
    case TokenizerOp::kEncode: return std::make_shared<EncodeCall>(context, std::move(caller), std::move(done));
    case TokenizerOp::kDecode: return std::make_shared<DecodeCall>(context, std::move(caller), std::move(done));
    case TokenizerOp::kReconstruct: break;
  }
  return std::make_shared<ReconstructCall>(context, std::move(caller), std::move(done));
}

}  // namespace vitok
