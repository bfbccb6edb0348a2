// One unary Encode, Decode or Reconstruct call.
#pragma once

#include <memory>

#include "grpcpp/grpcpp.h"
#include "server/item_call.h"
#include "server/service_context.h"

namespace vitok {

// Brings the request of a call to an ItemCall and its reply back. Owns itself: gRPC calls OnDone last.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // `request` and `reply` are gRPC's and live until OnDone.
  UnaryCall(const ServiceContext& context, TokenizerOp op, grpc::CallbackServerContext* rpc,
            const grpc::ByteBuffer& request, grpc::ByteBuffer* reply);

 private:
  void OnEnd(CallEnd end);
  void OnCancel() override { call_->Cancel(); }
  void OnDone() override;

  const ServiceContext& context_;
  grpc::CallbackServerContext* const rpc_;
  grpc::ByteBuffer* const reply_;
  std::shared_ptr<ItemCall> call_;
  CallEnd end_;  // held until the reply has left
  uint64_t send_watch_ = 0;
};

}  // namespace vitok
