// Makes the call objects of the three methods.
#pragma once

#include <memory>
#include <string_view>

#include "grpcpp/grpcpp.h"
#include "server/item_call.h"

namespace vitok {

// Who makes the call, by the authenticator. `method`: "vitok.v1.Tokenizer/Encode", a literal.
Caller ReadCaller(const ServiceContext& context, const grpc::CallbackServerContext& rpc, std::string_view method);

// For ItemCall::Start.
std::shared_ptr<ItemCall> NewCall(const ServiceContext& context, TokenizerOp op, Caller caller, ItemCall::Done done);

}  // namespace vitok
