// The server: models, device workers, gRPC service, health, reflection and metrics, put together.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/cpu_jobs.h"
#include "server/device_worker.h"
#include "server/drain_gate.h"
#include "server/http_endpoint.h"
#include "server/loaded_model.h"
#include "server/model_registry.h"
#include "server/rate_window.h"
#include "server/security/authenticator.h"
#include "server/security/tls_credentials.h"
#include "server/send_watch.h"
#include "server/server_config.h"
#include "server/server_metrics.h"
#include "server/tokenizer_service.h"
#include "server/tracing/tracer.h"

namespace vitok {

//   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<Server> server, Server::Start(options, LoadAutoencoder));
//   ... until told to stop ...
//   server->Shutdown();
class Server {
 public:
  // Called at most once a device, on some thread, when a device failed: the server is NOT_SERVING and answers
  // UNAVAILABLE from then on, and its process should end. Must not block or destroy the server.
  using FailureHandler = std::function<void(const absl::Status&)>;

  // Reads the credentials, loads all models, warms them up and listens. Errors name the file, the model or the address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, const TokenizerLoader& load,
                                                       FailureHandler on_failure = nullptr);

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
  Server(const ServerOptions& options, FailureHandler on_failure)
      : options_(options), on_failure_(std::move(on_failure)) {}

  absl::Status CheckAddresses() const;
  absl::Status ReadCredentials();
  absl::Status LoadModels(const TokenizerLoader& load);
  DeviceWorker::Options WorkerOptions(const std::string& device);
  absl::Status WarmUpModel(const LoadedModel& model);
  void OnDeviceFailure(const absl::Status& status);
  absl::Status Listen();
  std::map<std::string, HttpHandler> HttpPages();
  std::string WhyNotReady();  // "": the server takes calls

  const ServerOptions options_;
  const FailureHandler on_failure_;
  std::string address_;
  // In the order of dependence: each may use what stands above it.
  DrainGate gate_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<TokenQuotas> quotas_;
  std::unique_ptr<TlsCredentials> tls_;  // nullptr: no TLS
  std::unique_ptr<ServerMetrics> metrics_;
  std::unique_ptr<RateSampler> rates_;
  std::unique_ptr<HttpEndpoint> http_endpoint_;
  std::unique_ptr<CpuJobs> jobs_;
  std::unique_ptr<SendWatch> sends_;
  std::unique_ptr<Tracer> tracer_;
  std::map<std::string, std::unique_ptr<DeviceWorker>> workers_;  // by device
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<TokenizerService> service_;
  std::unique_ptr<grpc::Server> grpc_server_;
  absl::Mutex health_mutex_;
  bool failed_ ABSL_GUARDED_BY(health_mutex_) = false;
  bool was_ready_ ABSL_GUARDED_BY(health_mutex_) = false;
  grpc::HealthCheckServiceInterface* health_ ABSL_GUARDED_BY(health_mutex_) = nullptr;  // while the service runs
};

}  // namespace vitok
