// The server: models, device workers, gRPC services, health, reflection and metrics, put together.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "server/cpu_jobs.h"
#include "server/drain_gate.h"
#include "server/grpc_port.h"
#include "server/http_endpoint.h"
#include "server/lifecycle/admin_service.h"
#include "server/lifecycle/device_workers.h"
#include "server/lifecycle/memory_ledger.h"
#include "server/lifecycle/model_health.h"
#include "server/lifecycle/model_loader.h"
#include "server/lifecycle/model_manager.h"
#include "server/lifecycle/model_reaper.h"
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

//   VITOK_ASSIGN_OR_RETURN(std::unique_ptr<Server> server,
//                          Server::Start(options, LoadAutoencoder, on_failure, {.estimate = EstimateModelMemory}));
//   ... until told to stop ...
//   server->Shutdown();
class Server {
 public:
  // Called at most once a device, on some thread, when a device failed: the server is NOT_SERVING and answers
  // UNAVAILABLE from then on, and its process should end. Must not block or destroy the server.
  using FailureHandler = std::function<void(const absl::Status&)>;

  // Each may be empty.
  struct Hooks {
    MemoryEstimator estimate;              // empty: models are loaded whether they fit into memory or not
    ModelFetcher fetch;                    // empty: models of the hub cannot be loaded
    std::function<void()> before_serving;  // called when all models are loaded and before any call is served
  };

  // Reads the credentials, listens, then loads the configured models and warms them up. Until all are READY, which is
  // when this returns, health says NOT_SERVING and calls get UNAVAILABLE (LOADING). Errors name the file, the model or
  // the address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, const TokenizerLoader& load,
                                                       FailureHandler on_failure = nullptr) {
    return Start(options, load, std::move(on_failure), Hooks());
  }
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, const TokenizerLoader& load,
                                                       FailureHandler on_failure, Hooks hooks);

  // Shuts down at once if Shutdown was not called. Waits for a load that runs.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it really listens, port 0 replaced; "" without that port.
  const std::string& address() const { return port_.address; }
  const std::string& admin_address() const { return admin_port_.address; }
  std::string http_address() const { return http_endpoint_ == nullptr ? "" : http_endpoint_->address(); }

  // A model is being loaded, which Shutdown does not wait for but the destructor does.
  bool loading() const { return manager_ != nullptr && manager_->loading(); }

  // Health says NOT_SERVING at once; after drain_delay new calls get UNAVAILABLE (DRAINING), admitted ones end within
  // shutdown_grace; what waits longer is cancelled. Blocks until all of it is done. False if calls had to be cancelled.
  // Not thread-safe.
  bool Shutdown();

 private:
  Server(const ServerOptions& options, FailureHandler on_failure);

  absl::Status CheckAddresses() const;
  absl::Status ReadCredentials();
  void MakeLifecycle(const TokenizerLoader& load, Hooks& hooks);
  absl::Status Listen();
  void AddScrapeValues();
  absl::Status ListenForAdmin(const AdminService::Context& context);
  absl::Status LoadModels(const std::function<void()>& before_serving);
  void OnModelState(const ModelKey& model, std::optional<ModelState> state);
  void OnDeviceFailure(const absl::Status& status);
  std::map<std::string, HttpHandler> HttpPages();
  std::string WhyNotReady() const;  // "": the server takes calls

  const ServerOptions options_;
  const FailureHandler on_failure_;
  std::atomic<bool> failed_{false};  // a device
  bool serving_ = false;             // Start has succeeded and Shutdown has not begun
  // In the order of dependence: each may use what stands above it.
  DrainGate gate_;
  std::unique_ptr<Authenticator> authenticator_;
  TokenQuotas quotas_;
  std::unique_ptr<TlsCredentials> tls_;  // nullptr: no TLS
  ServerMetrics metrics_;
  ModelHealth health_;
  MemoryLedger memory_;
  ModelReaper reaper_;
  std::unique_ptr<Tracer> tracer_;
  DeviceWorkers workers_;
  ModelRegistry models_;
  std::unique_ptr<ModelManager> manager_;
  CpuJobs jobs_;
  std::unique_ptr<SendWatch> sends_;
  std::unique_ptr<TokenizerService> service_;
  std::unique_ptr<AdminService> admin_service_;
  std::unique_ptr<AdminService> admin_refusal_;  // what the main port says to calls of the admin service
  std::unique_ptr<RateSampler> rates_;
  std::unique_ptr<HttpEndpoint> http_endpoint_;
  GrpcPort port_;
  GrpcPort admin_port_;
};

}  // namespace vitok
