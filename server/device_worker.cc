#include "server/device_worker.h"

#include <c10/core/InferenceMode.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/monotonic_clock.h"
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

// The tasks of a batch while it runs: the watchdog may answer them before the batch ends.
class DeviceWorker::RunningBatch {
 public:
  explicit RunningBatch(std::vector<std::unique_ptr<TokenizerTask>> tasks) : tasks_(std::move(tasks)) {}

  // Whoever takes the tasks answers them; the next one finds none.
  std::vector<std::unique_ptr<TokenizerTask>> Take() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(tasks_, {});
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::unique_ptr<TokenizerTask>> tasks_ ABSL_GUARDED_BY(mutex_);
};

DeviceWorker::DeviceWorker(Options options, ServerMetrics* metrics)
    : options_(std::move(options)),
      metrics_(metrics),
      admission_(options_.admission),
      batcher_(options_.batching),
      deadlines_([this] { batcher_.DropExpiredUntilShutdown(); }),
      thread_([this] { RunBatches(); }) {}

DeviceWorker::~DeviceWorker() {
  Shutdown();
  deadlines_.join();
  thread_.join();
}

void DeviceWorker::Shutdown() { batcher_.Shutdown(DrainingError()); }

void DeviceWorker::Schedule(std::vector<std::unique_ptr<TokenizerTask>> tasks) {
  std::vector<std::unique_ptr<BatchTask>> queued(std::make_move_iterator(tasks.begin()),
                                                 std::make_move_iterator(tasks.end()));
  const absl::Status status = batcher_.Schedule(queued);
  for (std::unique_ptr<BatchTask>& refused : queued) refused->Drop(status);
}

void DeviceWorker::RunBatches() {
  // A CPU model uses every core for as long as there is work. Answers that need no model (refusals, results, health)
  // would wait for their turn; so they go first. On Linux this is of the thread alone, and of those that it starts for
  // its parallel loops.
  if (options_.device == "cpu") setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kComputeNice);
  const c10::InferenceMode inference_mode;
  while (std::optional<Batch> batch = batcher_.NextBatch()) Run(*std::move(batch));
}

void DeviceWorker::Run(Batch batch) {
  std::vector<std::unique_ptr<TokenizerTask>> tasks;
  std::vector<TokenSequence> inputs;
  ServerMetrics::BatchRecord record = {
      .device = options_.device,
      .tokens = batch.size.tokens,
      .images = static_cast<int64_t>(batch.tasks.size()),
      .fill = static_cast<double>(batch.size.tokens) / static_cast<double>(options_.batching.budget.tokens),
      .reason = batch.reason};
  // Schedule lets nothing but TokenizerTasks in.
  for (std::unique_ptr<BatchTask>& task : batch.tasks) tasks.emplace_back(static_cast<TokenizerTask*>(task.release()));
  const std::shared_ptr<LoadedModel> model = tasks.front()->model;
  BatchTrace trace = options_.start_trace ? options_.start_trace() : BatchTrace();
  for (const std::unique_ptr<TokenizerTask>& task : tasks) {
    trace.AddRequest(task->trace);
    inputs.push_back(std::move(task->input));
    record.padded_tokens += std::max<int64_t>(0, model->attend_padding_to - task->tokens);
  }
  record.model = model->key;

  // Shared with the watchdog's callback, which may still hold it when this thread has gone on.
  const auto running = std::make_shared<RunningBatch>(std::move(tasks));
  TaskTimes times;
  times.trace = trace.context();
  times.alone = record.images == 1;
  times.batch_start = MonotonicNow();
  const absl::Duration limit = std::max(options_.hang_timeout, kHangFactor * batch.predicted);
  watchdog_.Arm(times.batch_start + limit, [this, running, limit, model] {
    Fail(DeviceFaultError(StrCat("on ", device(), " a batch of model '", model->key.name, "' runs longer than ",
                                 absl::FormatDuration(limit))));
    const absl::Status hung = absl::DeadlineExceededError(
        StrCat("the batch of model '", model->key.name, "' did not end within ", absl::FormatDuration(limit)));
    for (const std::unique_ptr<TokenizerTask>& task : running->Take()) task->Drop(hung);
  });
  metrics_->AddInflightBatches(device(), 1);
  std::vector<absl::StatusOr<TokenSequence>> results = RunBatch(*model, batch.lane.op, std::move(inputs), times.batch);
  metrics_->AddInflightBatches(device(), -1);
  times.batch_end = MonotonicNow();
  if (!watchdog_.Disarm()) return;

  const absl::Duration duration = times.batch_end - times.batch_start;
  const bool ok = std::all_of(results.begin(), results.end(), [](const auto& result) { return result.ok(); });
  batcher_.BatchDone(batch, ok ? duration : absl::ZeroDuration());
  admission_.RecordBatch(record.tokens, duration);
  record.duration = duration;
  metrics_->RecordBatch(record);
  trace.End(record);
  RecordDeviceErrors(results);
  if (ErrorReason(results.front().status()) == kReasonDeviceFault) Fail(results.front().status());
  tasks = running->Take();
  for (size_t i = 0; i < tasks.size(); ++i) std::move(tasks[i]->done)(std::move(results[i]), times);
}

void DeviceWorker::RecordDeviceErrors(const std::vector<absl::StatusOr<TokenSequence>>& results) {
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
