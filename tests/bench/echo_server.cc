// Echo of echo.proto, the baseline of the server's overhead and throughput. Runs until it is killed.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <memory>
#include <string>

#include "echo.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace vitok::bench {
namespace {

using EchoService = Echo::WithCallbackMethod_Copy<Echo::WithRawCallbackMethod_Discard<Echo::Service>>;

class Service final : public EchoService {
 public:
  grpc::ServerUnaryReactor* Copy(grpc::CallbackServerContext* rpc, const Payload* request, Payload* response) override {
    response->set_data(request->data());
    grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* Discard(grpc::CallbackServerContext* rpc, const grpc::ByteBuffer* request,
                                    grpc::ByteBuffer* response) override {
    size_t reply_bytes = 0;
    if (const auto entry = rpc->client_metadata().find("reply-bytes"); entry != rpc->client_metadata().end()) {
      std::from_chars(entry->second.begin(), entry->second.end(), reply_bytes);
    }
    const grpc::Slice slice(reply_.data(), std::min(reply_bytes, reply_.size()), grpc::Slice::STATIC_SLICE);
    *response = grpc::ByteBuffer(&slice, 1);
    grpc::ServerUnaryReactor* reactor = rpc->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const std::string reply_ = std::string(size_t{64} << 20, 'x');
};

}  // namespace
}  // namespace vitok::bench

int main(int argc, char** argv) {
  CLI::App app("gRPC echo, to compare the server with");
  std::string listen = "127.0.0.1:8500";
  app.add_option("--listen", listen, "host:port or unix:/path")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  vitok::bench::Service service;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "echo_server: cannot listen on " << listen << "\n";
    return 1;
  }
  server->Wait();
  return 0;
}
