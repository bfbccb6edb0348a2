// The thread of one device: takes batches from its queue, runs them through their model and hands out the results.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/admission.h"
#include "server/batching/token_budget_batcher.h"
#include "server/batching/watchdog.h"
#include "server/server_metrics.h"
#include "server/tokenizer_task.h"
#include "server/tracing/tracer.h"

namespace vitok {

// All calls to the tokenizers of a device come from its worker's one thread, under InferenceMode. Thread-safe.
//
// A device that fails (a sticky error, a lost device) or a batch that runs much longer than it should ends the worker:
// what ran, waits or comes is answered with an error that says so, and `on_failure` tells the server, whose process
// should end: nothing heals such a device but a new process.
class DeviceWorker {
 public:
  struct Options {
    std::string device;  // "cpu", "cuda:0"
    TokenBudgetBatcher::Options batching;
    Admission::Options admission;
    // A batch hangs when it runs longer than this and than ten times its predicted time. REQUIRES: positive.
    absl::Duration hang_timeout = absl::Seconds(60);
    // Called at most once, on a thread of the worker's; must not block.
    std::function<void(const absl::Status&)> on_failure;
    std::function<BatchTrace()> start_trace;  // of a batch; null: none is traced
  };

  // `metrics` is not owned and must outlive the worker.
  DeviceWorker(Options options, ServerMetrics* metrics);

  // Drops what waits, ends the running batch and joins: for ever, if that batch hangs.
  ~DeviceWorker();
  DeviceWorker(const DeviceWorker&) = delete;
  DeviceWorker& operator=(const DeviceWorker&) = delete;

  // Every request passes here before its tasks are made.
  Admission& admission() { return admission_; }

  // Queues the tasks of one request in one step. Never blocks. Each task's `done` is called exactly once: with its
  // output, or with CANCELLED or DEADLINE_EXCEEDED (not run, or hung), INTERNAL or RESOURCE_EXHAUSTED (its batch
  // failed), UNIMPLEMENTED (that half of the model is not loaded), UNAVAILABLE (shut down, device failed).
  void Schedule(std::vector<std::unique_ptr<TokenizerTask>> tasks);

  // Ends the waiting tasks of a request whose client gave up, without waiting for the running batch.
  void Cancel(uint64_t request) { batcher_.Cancel(request); }

  // See TokenBudgetBatcher.
  absl::Duration PredictTime(const LaneKey& lane, Priority priority, const BatchSize& size) const {
    return batcher_.PredictTime(lane, priority, size);
  }
  void SetCostModel(const LaneKey& lane, CostModel model) { batcher_.SetCostModel(lane, std::move(model)); }

  // See TokenBudgetBatcher.
  void ForgetModel(uint64_t model) { batcher_.ForgetModel(model); }

  // Drops all tasks that wait and refuses new ones; a running batch ends normally. Idempotent.
  void Shutdown();

  const std::string& device() const { return options_.device; }

 private:
  class RunningBatch;

  void RunBatches();
  void Run(Batch batch);
  void RecordDeviceErrors(const std::vector<absl::StatusOr<TokenSequence>>& results);
  // The device is of no use any more: `status` for everything from here on.
  void Fail(const absl::Status& status);

  const Options options_;
  ServerMetrics* const metrics_;
  Admission admission_;
  TokenBudgetBatcher batcher_;
  std::atomic<bool> failed_{false};
  Watchdog watchdog_;
  std::thread deadlines_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
