// The thread of one device: takes batches from its queue, runs them through their model and hands out the results.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/admission.h"
#include "server/server_metrics.h"
#include "server/token_budget_batcher.h"
#include "server/tokenizer_task.h"

namespace vitok {

// All calls to the tokenizers of a device come from its worker's one thread, under InferenceMode. Thread-safe.
class DeviceWorker {
 public:
  struct Options {
    std::string device;  // "cpu", "cuda:0"
    TokenBudgetBatcher::Options batching;
    Admission::Options admission;
  };

  // `metrics` is not owned and must outlive the worker.
  DeviceWorker(Options options, ServerMetrics* metrics);

  // Drops what waits, ends the running batch and joins.
  ~DeviceWorker();
  DeviceWorker(const DeviceWorker&) = delete;
  DeviceWorker& operator=(const DeviceWorker&) = delete;

  // Every request passes here before its tasks are made.
  Admission& admission() { return admission_; }

  // Queues the tasks of one request in one step. Never blocks. Each task's `done` is called exactly once: with its
  // output, or with CANCELLED or DEADLINE_EXCEEDED (not run), INTERNAL or RESOURCE_EXHAUSTED (its batch failed),
  // UNIMPLEMENTED (that half of the model is not loaded), UNAVAILABLE (shut down).
  void Schedule(std::vector<std::unique_ptr<TokenizerTask>> tasks);

  // Ends the waiting tasks whose clients gave up, without waiting for the running batch.
  void DropDead() { batcher_.DropDead(); }

  // Drops all tasks that wait and refuses new ones; a running batch ends normally. Idempotent.
  void Shutdown() { batcher_.Shutdown(); }

  const std::string& device() const { return device_; }

 private:
  void RunBatches();
  void RunBatch(std::vector<std::unique_ptr<TokenizerTask>> batch);

  const std::string device_;
  ServerMetrics* const metrics_;
  Admission admission_;
  TokenBudgetBatcher batcher_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace vitok
