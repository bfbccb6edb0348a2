// Makes the call objects of the three methods.
#pragma once

#include <memory>

#include "grpcpp/grpcpp.h"
#include "server/item_call.h"

namespace vitok {

// Who makes the call, by the authenticator.
Caller ReadCaller(const ServiceContext& context, const grpc::CallbackServerContext& rpc);

// For ItemCall::Start.
std::shared_ptr<ItemCall> NewCall(const ServiceContext& context, TokenizerOp op, Caller caller, ItemCall::Done done);

}  // namespace vitok
