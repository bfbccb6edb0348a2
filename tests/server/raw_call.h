// Calls of gRPC's own services, whose protobufs are not part of this project.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "core/base/str_cat.h"

namespace vitok {

// Sends one message and returns the first one of the answer, "" if there is none.
inline std::string CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                           const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  const grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  grpc::Slice whole;
  if (!ok || !answer.DumpToSingleSlice(&whole).ok()) return "";
  const std::string text(reinterpret_cast<const char*>(whole.begin()), whole.size());
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  return text;
}

// ServerReflectionRequest{list_services = 7: "*"}.
inline constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
inline constexpr char kListServices[] = "\x3a\x01*";

// Answers of grpc.health.v1.Health/Check: HealthCheckResponse{status = 1}.
inline constexpr char kServing[] = "\x08\x01";
inline constexpr char kNotServing[] = "\x08\x02";

inline std::string CheckHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  // HealthCheckRequest{service = 1}
  const std::string request =
      service.empty() ? "" : StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
  return CallRaw(channel, "/grpc.health.v1.Health/Check", request);
}

}  // namespace vitok
