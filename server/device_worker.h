// The threads of one device: take batches from its queue, run them through their model and hand out the results.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/batching/admission.h"
#include "server/batching/token_budget_batcher.h"
#include "server/batching/watchdog.h"
#include "server/running_batch.h"
#include "server/server_metrics.h"
#include "server/tokenizer_task.h"
#include "server/tracing/tracer.h"

namespace vitok {

// All batches of a device are submitted by its worker's one thread, under InferenceMode. While a device works on one,
// the next is packed and copied to it, if the queue has one ready (TokenBudgetBatcher::Options::prefetch); another
// thread waits for the results. A tokenizer that is done when Submit returns, such as one on the CPU, has its results
// handed out by the first thread. Thread-safe.
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
    // A batch hangs when it runs longer than this and than ten times its predicted time, from when it is the device's
    // oldest. REQUIRES: positive.
    absl::Duration hang_timeout = absl::Seconds(60);
    // Called at most once, on a thread of the worker; must not block.
    std::function<void(const absl::Status&)> on_failure;
    std::function<BatchTrace()> start_trace;  // of a batch; null: none is traced
  };

  // `metrics` is not owned and must outlive the worker.
  DeviceWorker(Options options, ServerMetrics* metrics);

  // Drops what waits, ends the running batches and joins: for ever, if one of them hangs.
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
  void SetCostModel(const LaneKey& lane, const CostModel& model) { batcher_.SetCostModel(lane, model); }

  // See TokenBudgetBatcher.
  void ForgetModel(uint64_t model) { batcher_.ForgetModel(model); }

  // Drops all tasks that wait and refuses new ones; running batches end normally. Idempotent.
  void Shutdown();

  const std::string& device() const { return options_.device; }

 private:
  using Running = std::shared_ptr<RunningBatch>;  // watchdogs hold them as well

  void SubmitBatches();
  void CollectResults();
  void Submit(const Running& running);
  // Once the device is done with all that was submitted: the memory of those batches is free again.
  BatchResults RetryInHalves(const Running& running);
  void Finish(const Running& running, BatchResults results);
  void RecordDeviceErrors(const BatchResults& results);
  void ArmFor(const Running& running, Watchdog& watchdog);
  // The device is of no use any more: `status` for everything from here on.
  void Fail(const absl::Status& status);

  const Options options_;
  ServerMetrics* const metrics_;
  Admission admission_;
  TokenBudgetBatcher batcher_;
  std::atomic<bool> failed_{false};

  absl::Mutex mutex_;
  std::vector<Running> running_ ABSL_GUARDED_BY(mutex_);                // not answered yet
  std::deque<Running> submitted_ ABSL_GUARDED_BY(mutex_);               // that the device works on, in order
  bool all_submitted_ ABSL_GUARDED_BY(mutex_) = false;                  // no more will come
  absl::Time last_end_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();  // of a batch

  Watchdog submit_watchdog_, collect_watchdog_;
  std::thread deadlines_, collector_;
  std::thread submitter_;  // last: it uses all of the above
};

}  // namespace vitok
