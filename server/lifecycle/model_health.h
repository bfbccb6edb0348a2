// What grpc.health.v1 says of the server and of each model. Free of torch.
#pragma once

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/health_check_service_interface.h"

namespace vitok {

// Services: "" and the server's own are SERVING from Started on; "name", "name:version" and aliases while calls find
// them. A name that was known once stays known, as NOT_SERVING. Watchers are told of every change. Thread-safe.
class ModelHealth {
 public:
  // `service`: the full name of the gRPC service ("vitok.v1.Tokenizer").
  explicit ModelHealth(std::string service) : service_(std::move(service)) {}

  // Where the answers go, from now to Detach. Not owned.
  void Attach(grpc::HealthCheckServiceInterface* health);
  void Detach();

  // The model will be there: its names are NOT_SERVING, unless calls find them.
  void Announce(const std::string& name);

  // The names that calls find now.
  void SetReady(const std::set<std::string>& names);

  // All configured models are there.
  void Started();

  // Why "" is NOT_SERVING: "starting" or "draining"; empty if it is SERVING.
  std::string WhyNotServing() const;

  // NOT_SERVING for everything from here on, whatever comes.
  void Stop();

 private:
  void SetServer(bool serving) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string service_;
  mutable absl::Mutex mutex_;
  grpc::HealthCheckServiceInterface* health_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::set<std::string> known_ ABSL_GUARDED_BY(mutex_);  // ready_ and those that are not
  std::set<std::string> ready_ ABSL_GUARDED_BY(mutex_);
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vitok
