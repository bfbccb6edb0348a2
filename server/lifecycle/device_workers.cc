#include "server/lifecycle/device_workers.h"

#include <optional>
#include <utility>

#include "core/model/device.h"

namespace vitok {
namespace {

DeviceWorker::Options WorkerOptions(const BatchingOptions& batching,
                                    std::function<void(const absl::Status&)> on_failure,
                                    std::function<BatchTrace()> start_trace) {
  const int64_t square_tokens = batching.max_batch_square_tokens > 0
                                    ? batching.max_batch_square_tokens
                                    : batching.max_batch_tokens * batching.max_batch_tokens;
  return {.batching = {.budget = {.tokens = batching.max_batch_tokens,
                                  .square_tokens = square_tokens,
                                  .bytes = batching.max_batch_bytes},
                       .max_delay = batching.max_delay},
          .admission = {.max_items = batching.max_queued_requests,
                        .max_tokens = batching.max_queued_tokens,
                        .max_bytes = batching.max_queued_bytes},
          .hang_timeout = batching.hang_timeout,
          .on_failure = std::move(on_failure),
          .start_trace = std::move(start_trace)};
}

std::optional<ServerMetrics::DeviceMemory> ReadGpuMemory(const std::string& device) {
  const std::optional<DeviceMemory> memory = ReadDeviceMemory(device);
  if (!memory.has_value()) return std::nullopt;
  return ServerMetrics::DeviceMemory{
      .allocated = memory->allocated, .reserved = memory->reserved, .free = memory->free, .pinned = memory->pinned};
}

}  // namespace

DeviceWorkers::DeviceWorkers(const BatchingOptions& batching, ServerMetrics* metrics,
                             std::function<void(const absl::Status&)> on_failure,
                             std::function<BatchTrace()> start_trace)
    : options_(WorkerOptions(batching, std::move(on_failure), std::move(start_trace))), metrics_(metrics) {}

DeviceWorker* DeviceWorkers::For(const std::string& device) {
  absl::MutexLock lock(&mutex_);
  std::unique_ptr<DeviceWorker>& worker = workers_[device];
  if (worker == nullptr) {
    metrics_->AddDevice(device, [device] { return ReadGpuMemory(device); });
    DeviceWorker::Options options = options_;
    options.device = device;
    worker = std::make_unique<DeviceWorker>(std::move(options), metrics_);
    if (shut_down_) worker->Shutdown();
  }
  return worker.get();
}

void DeviceWorkers::Shutdown() {
  absl::MutexLock lock(&mutex_);
  shut_down_ = true;
  for (auto& [device, worker] : workers_) worker->Shutdown();
}

}  // namespace vitok
