// grpc.health.v1.Health/Watch for tests.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "tests/server/raw_call.h"
#include "tests/support/byte_buffer.h"

namespace vitok {

// Watches one service from construction to destruction.
class HealthWatch {
 public:
  HealthWatch(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) : stub_(channel) {
    const grpc::ByteBuffer request = InPieces(HealthCheckRequest(service), 64);
    call_ = stub_.PrepareCall(&context_, "/grpc.health.v1.Health/Watch", &queue_);
    call_->StartCall(nullptr);
    Await();
    call_->WriteLast(request, grpc::WriteOptions(), nullptr);
    Await();
  }

  ~HealthWatch() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Await();
  }
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // The next message, as kServing and kNotServing; "" at the end. Blocks.
  std::string Next() {
    grpc::ByteBuffer answer;
    call_->Read(&answer, nullptr);
    return Await() ? Joined(answer) : "";
  }

  // Reads until the service has this status; false if the stream ends before.
  bool Await(const std::string& status) {
    for (std::string next; !(next = Next()).empty();) {
      if (next == status) return true;
    }
    return false;
  }

 private:
  bool Await() {
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    return ok;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

}  // namespace vitok
