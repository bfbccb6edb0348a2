// Calls of services whose protobufs are not part of this project, and of bytes that are no message.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "core/base/str_cat.h"
#include "tests/support/byte_buffer.h"

namespace vitok {

struct RawReply {
  std::string message;  // the first one; "" if there is none
  grpc::Status status;  // how the call ended
};

// Sends one message and reads until the server ends the call. `method`: "/vitok.v1.Tokenizer/Encode".
// `writes_done`: says that no other message follows, which calls that are no streams wait for.
inline RawReply CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                        const std::string& message, bool writes_done = true) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto await = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  };
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  await();
  grpc::WriteOptions options;
  if (writes_done) options.set_last_message();
  call->Write(InPieces(message, message.size()), options, nullptr);
  await();
  RawReply reply;
  for (bool first = true;; first = false) {
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    if (!await()) break;
    if (first) reply.message = Joined(answer);
  }
  call->Finish(&reply.status, nullptr);
  await();
  return reply;
}

// ServerReflectionRequest{list_services = 7: "*"}.
inline constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
inline constexpr char kListServices[] = "\x3a\x01*";

// Answers of grpc.health.v1.Health/Check: HealthCheckResponse{status = 1}.
inline constexpr char kServing[] = "\x08\x01";
inline constexpr char kNotServing[] = "\x08\x02";

// HealthCheckRequest{service = 1}.
inline std::string HealthCheckRequest(const std::string& service) {
  return service.empty() ? "" : StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
}

inline std::string CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  return CallRaw(channel, "/grpc.health.v1.Health/Check", HealthCheckRequest(service)).message;
}

}  // namespace vitok
