// The server: models, device workers, gRPC service, health, reflection and metrics, put together.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "server/cpu_jobs.h"
#include "server/device_worker.h"
#include "server/drain_gate.h"
#include "server/http_endpoint.h"
#include "server/loaded_model.h"
#include "server/model_registry.h"
#include "server/security/authenticator.h"
#include "server/security/tls_credentials.h"
#include "server/server_config.h"
#include "server/server_metrics.h"
#include "server/tokenizer_service.h"

namespace vitok {

//   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<Server> server, Server::Start(options, LoadAutoencoder));
//   ... until told to stop ...
//   server->Shutdown();
class Server {
 public:
  // Reads the credentials, loads all models and listens. Errors name the file, the model or the address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, const TokenizerLoader& load);

  // Shuts down at once if Shutdown was not called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it really listens, port 0 replaced; http_address is "" without an endpoint.
  const std::string& address() const { return address_; }
  std::string http_address() const { return http_endpoint_ == nullptr ? "" : http_endpoint_->address(); }

  // Health says NOT_SERVING, new calls get UNAVAILABLE (DRAINING), admitted ones end within shutdown_grace; what waits
  // longer is cancelled. Blocks until all of it is done. False if calls had to be cancelled. Not thread-safe.
  bool Shutdown();

 private:
  explicit Server(const ServerOptions& options) : options_(options) {}

  absl::Status CheckAddresses() const;
  absl::Status ReadCredentials();
  absl::Status LoadModels(const TokenizerLoader& load);
  absl::Status Listen();
  HttpReply MetricsPage() const;

  const ServerOptions options_;
  std::string address_;
  // In the order of dependence: each may use what stands above it.
  DrainGate gate_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<TlsCredentials> tls_;  // nullptr: no TLS
  std::unique_ptr<ServerMetrics> metrics_;
  std::unique_ptr<HttpEndpoint> http_endpoint_;
  std::unique_ptr<CpuJobs> jobs_;
  std::map<std::string, std::unique_ptr<DeviceWorker>> workers_;  // by device
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<TokenizerService> service_;
  std::unique_ptr<grpc::Server> grpc_server_;
};

}  // namespace vitok
