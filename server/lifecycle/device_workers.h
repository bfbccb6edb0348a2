// The workers of all devices, made when the first model of a device comes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/device_worker.h"
#include "server/server_config.h"
#include "server/server_metrics.h"

namespace vitok {

// A worker stays until this object goes. Thread-safe.
class DeviceWorkers {
 public:
  // `on_failure` and `start_trace`: see DeviceWorker. `metrics` is not owned and outlives this.
  DeviceWorkers(const BatchingOptions& batching, ServerMetrics* metrics,
                std::function<void(const absl::Status&)> on_failure, std::function<BatchTrace()> start_trace);

  // The worker of "cpu" or "cuda:N". After Shutdown it refuses all work.
  DeviceWorker* For(const std::string& device);

  // Of a batch, on any device.
  const BatchBudget& budget() const { return options_.batching.budget; }

  // See DeviceWorker.
  void Shutdown();

 private:
  const DeviceWorker::Options options_;  // but for the device
  ServerMetrics* const metrics_;
  absl::Mutex mutex_;
  std::map<std::string, std::unique_ptr<DeviceWorker>> workers_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vitok
