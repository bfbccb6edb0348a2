#include "server/grpc_port.h"

#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/listen_address.h"
#include "server/reflection.h"
#include "server/security/connection_limits.h"

namespace vitok {

absl::StatusOr<GrpcPort> OpenGrpcPort(const std::string& listen, const ServerOptions& options,
                                      const std::shared_ptr<grpc::ServerCredentials>& credentials,
                                      const std::vector<grpc::Service*>& services) {
  VITOK_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(listen));
  VITOK_RETURN_IF_ERROR(PrepareToBind(address));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetReflection(options.reflection, builder);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.limits.max_message_bytes));
  builder.SetMaxSendMessageSize(-1);  // replies are bounded by the limits on images and tokens
  ApplyConnectionLimits(options.connections, builder);
  // Two servers must not share a port unnoticed.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int port = 0;
  builder.AddListeningPort(listen, credentials, &port);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError(StrCat("cannot listen on ", listen));
  return GrpcPort{.server = std::move(server), .address = address.ToString(port)};
}

}  // namespace vitok
