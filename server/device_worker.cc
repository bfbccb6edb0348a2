#include "server/device_worker.h"

#include <c10/core/InferenceMode.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "core/base/monotonic_clock.h"
#include "core/base/named_thread.h"
#include "core/base/str_cat.h"
#include "server/run_batch.h"
#include "server/status_details.h"

namespace vitok {
namespace {

// Predictions are rough; only a batch that is far beyond its own hangs.
constexpr double kHangFactor = 10;

// Steps down from the process's own priority.
constexpr int kComputeNice = 5;

}  // namespace

DeviceWorker::DeviceWorker(Options options, ServerMetrics* metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      admission_(options_.admission),
      batcher_(options_.batching),
      deadlines_(NamedThread("vitok-deadlines", [this] { batcher_.DropExpiredUntilShutdown(); })),
      collector_(NamedThread("vitok-collect", [this] { CollectResults(); })),
      submitter_(NamedThread("vitok-submit", [this] { SubmitBatches(); })) {}

DeviceWorker::~DeviceWorker() {
  Shutdown();
  deadlines_.join();
  submitter_.join();
  collector_.join();
}

void DeviceWorker::Shutdown() { batcher_.Shutdown(DrainingError()); }

void DeviceWorker::Schedule(std::vector<std::unique_ptr<TokenizerTask>> tasks) {
  std::vector<std::unique_ptr<BatchTask>> queued(std::make_move_iterator(tasks.begin()),
                                                 std::make_move_iterator(tasks.end()));
  const absl::Status status = batcher_.Schedule(queued);
  for (std::unique_ptr<BatchTask>& refused : queued) refused->Drop(status);
}

void DeviceWorker::SubmitBatches() {
  // A CPU model uses every core for as long as there is work. Answers that need no model (refusals, results, health)
  // would wait for their turn; so they go first. On Linux this is of the thread alone, and of those that it starts for
  // its parallel loops.
  if (options_.device == "cpu") setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kComputeNice);
  const c10::InferenceMode inference_mode;
  while (std::optional<Batch> batch = batcher_.NextBatch()) {
    Submit(std::make_shared<RunningBatch>(*std::move(batch),
                                          options_.start_trace ? options_.start_trace() : BatchTrace()));
  }
  absl::MutexLock lock(&mutex_);
  all_submitted_ = true;
}

void DeviceWorker::Submit(const Running& running) {
  running->record.device = options_.device;
  running->record.fill =
      static_cast<double>(running->record.tokens) / static_cast<double>(options_.batching.budget.tokens);
  running->times.batch_start = MonotonicNow();
  bool device_is_free = false;
  {
    absl::MutexLock lock(&mutex_);
    running_.push_back(running);
    device_is_free = submitted_.empty();
  }
  metrics_->AddInflightBatches(device(), 1);
  ArmFor(running, submit_watchdog_);
  absl::StatusOr<std::unique_ptr<PendingBatch>> pending = SubmitBatch(running->model(), running->items());
  if (pending.ok() && !(device_is_free && (*pending)->IsReady())) {
    submit_watchdog_.Disarm();
    running->ForgetItems();
    running->pending = *std::move(pending);
    absl::MutexLock lock(&mutex_);
    submitted_.push_back(running);
    return;
  }
  BatchResults results;
  if (pending.ok()) {
    results = FinishBatch(running->model(), **pending, running->size(), running->times.batch);
  } else if (absl::IsResourceExhausted(pending.status())) {
    results = RetryInHalves(running);
  } else {
    results = FailBatch(pending.status(), running->size());
  }
  if (submit_watchdog_.Disarm()) Finish(running, std::move(results));
}

BatchResults DeviceWorker::RetryInHalves(const Running& running) {
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&submitted_, &std::deque<Running>::empty));
  }
  return RunInHalves(running->model(), running->items(), running->times.batch);
}

void DeviceWorker::CollectResults() {
  const c10::InferenceMode inference_mode;
  while (true) {
    Running oldest;
    {
      absl::MutexLock lock(&mutex_);
      const auto can_go_on = [this]()
                                 ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !submitted_.empty() || all_submitted_; };
      mutex_.Await(absl::Condition(&can_go_on));
      if (submitted_.empty()) return;
      oldest = submitted_.front();
    }
    ArmFor(oldest, collect_watchdog_);
    BatchResults results = FinishBatch(oldest->model(), *oldest->pending, oldest->size(), oldest->times.batch);
    oldest->pending.reset();
    {
      absl::MutexLock lock(&mutex_);
      submitted_.pop_front();
    }
    if (collect_watchdog_.Disarm()) Finish(oldest, std::move(results));
  }
}

void DeviceWorker::ArmFor(const Running& running, Watchdog& watchdog) {
  const absl::Duration limit = std::max(options_.hang_timeout, kHangFactor * running->batch().predicted);
  watchdog.Arm(MonotonicNow() + limit, [this, running, limit] {
    const std::string model = running->model().key.name;
    const absl::Status fault = DeviceFaultError(
        StrCat("on ", device(), " a batch of model '", model, "' runs longer than ", absl::FormatDuration(limit)));
    Fail(fault);
    running->Drop(absl::DeadlineExceededError(
        StrCat("the batch of model '", model, "' did not end within ", absl::FormatDuration(limit))));
    std::vector<Running> others;
    {
      absl::MutexLock lock(&mutex_);
      others = running_;
    }
    for (const Running& other : others) other->Drop(fault);
  });
}

void DeviceWorker::Finish(const Running& running, BatchResults results) {
  TaskTimes& times = running->times;
  times.batch_end = MonotonicNow();
  absl::Duration duration;
  {
    absl::MutexLock lock(&mutex_);
    duration = times.batch_end - std::max(times.batch_start, last_end_);
    last_end_ = times.batch_end;
    std::erase(running_, running);
  }
  metrics_->AddInflightBatches(device(), -1);
  const bool ok = std::all_of(results.begin(), results.end(), [](const auto& result) { return result.ok(); });
  batcher_.BatchDone(running->batch(), ok ? duration : absl::ZeroDuration());
  admission_.RecordBatch(running->record.tokens, duration);
  running->record.duration = duration;
  metrics_->RecordBatch(running->record);
  running->trace.End(running->record);
  RecordDeviceErrors(results);
  if (ErrorReason(results.front().status()) == kReasonDeviceFault) Fail(results.front().status());
  running->Answer(std::move(results));
}

void DeviceWorker::RecordDeviceErrors(const BatchResults& results) {
  const auto ended_with = [&results](std::string_view reason) {
    return std::any_of(results.begin(), results.end(),
                       [reason](const auto& result) { return ErrorReason(result.status()) == reason; });
  };
  if (ended_with(kReasonDeviceFault)) metrics_->RecordDeviceError(device(), /*sticky=*/true);
  if (ended_with(kReasonDeviceMemory)) metrics_->RecordDeviceError(device(), /*sticky=*/false);
}

void DeviceWorker::Fail(const absl::Status& status) {
  if (failed_.exchange(true)) return;
  batcher_.Shutdown(status);
  if (options_.on_failure) options_.on_failure(status);
}

}  // namespace vitok
