// A port with gRPC services behind it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "server/server_config.h"

namespace vitok {

struct GrpcPort {
  std::unique_ptr<grpc::Server> server;
  std::string address;  // where it really listens, port 0 replaced
};

// Serves `services`, health and (as configured) reflection at `listen`, with the configured limits of messages and
// connections. UNAVAILABLE with the system's reason if it cannot listen there. The services outlive the server.
absl::StatusOr<GrpcPort> OpenGrpcPort(const std::string& listen, const ServerOptions& options,
                                      const std::shared_ptr<grpc::ServerCredentials>& credentials,
                                      const std::vector<grpc::Service*>& services);

}  // namespace vitok
