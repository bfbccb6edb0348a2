#include "server/device_worker.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "core/base/str_cat.h"
#include "server/exceptions.h"

namespace vitok {
namespace {

using TaskBatch = std::vector<std::unique_ptr<TokenizerTask>>;

template <typename Sequence>
std::vector<Sequence> TakeInputs(TaskBatch& batch) {
  std::vector<Sequence> inputs;
  inputs.reserve(batch.size());
  for (const std::unique_ptr<TokenizerTask>& task : batch) inputs.push_back(std::get<Sequence>(std::move(task->input)));
  return inputs;
}

template <typename Sequence>
absl::StatusOr<std::vector<TokenSequence>> CheckOutputs(absl::StatusOr<std::vector<Sequence>> outputs,
                                                        size_t expected) {
  if (!outputs.ok()) return outputs.status();
  if (outputs->size() != expected) {
    return absl::InternalError(
        StrCat("tokenizer must return ", expected, " sequences for as many inputs; was ", outputs->size()));
  }
  return std::vector<TokenSequence>(std::make_move_iterator(outputs->begin()), std::make_move_iterator(outputs->end()));
}

absl::StatusOr<std::vector<TokenSequence>> RunTokenizer(TaskBatch& batch, BatchTimes& times) {
  Tokenizer& tokenizer = *batch.front()->model->tokenizer;
  switch (batch.front()->op) {
    case TokenizerOp::kEncode:
      return CheckOutputs(tokenizer.Encode(TakeInputs<PatchSequence>(batch), times), batch.size());
    case TokenizerOp::kDecode:
      return CheckOutputs(tokenizer.Decode(TakeInputs<LatentSequence>(batch), times), batch.size());
    case TokenizerOp::kReconstruct:
      return CheckOutputs(tokenizer.Reconstruct(TakeInputs<PatchSequence>(batch), times), batch.size());
  }
  return absl::InternalError("unknown op");
}

}  // namespace

DeviceWorker::DeviceWorker(Options options, ServerMetrics* metrics)
    : device_(std::move(options.device)),
      metrics_(metrics),
      admission_(options.admission),
      batcher_(std::move(options.batching)),
      thread_([this] { RunBatches(); }) {}

DeviceWorker::~DeviceWorker() {
  Shutdown();
  thread_.join();
}

void DeviceWorker::Schedule(std::vector<std::unique_ptr<TokenizerTask>> tasks) {
  std::vector<std::unique_ptr<BatchTask>> queued;
  queued.reserve(tasks.size());
  for (std::unique_ptr<TokenizerTask>& task : tasks) {
    task->model_key = task->model.get();
    queued.push_back(std::move(task));
  }
  const absl::Status status = batcher_.Schedule(queued);
  for (std::unique_ptr<BatchTask>& refused : queued) refused->Drop(status);
}

void DeviceWorker::RunBatches() {
  const c10::InferenceMode inference_mode;
  while (true) {
    std::vector<std::unique_ptr<BatchTask>> taken = batcher_.NextBatch();
    if (taken.empty()) return;
    TaskBatch batch;
    batch.reserve(taken.size());
    // Schedule lets nothing but TokenizerTasks in.
    for (std::unique_ptr<BatchTask>& task : taken) batch.emplace_back(static_cast<TokenizerTask*>(task.release()));
    RunBatch(std::move(batch));
  }
}

void DeviceWorker::RunBatch(TaskBatch batch) {
  const LoadedModel& model = *batch.front()->model;
  ServerMetrics::Batch record = {.model = model.name, .images = static_cast<int64_t>(batch.size())};
  for (const std::unique_ptr<TokenizerTask>& task : batch) {
    record.tokens += task->tokens;
    record.padded_tokens += std::max<int64_t>(0, model.attend_padding_to - task->tokens);
  }
  TaskTimes times;
  times.batch_start = absl::Now();
  absl::StatusOr<std::vector<TokenSequence>> outputs = CatchExceptions(
      StrCat("model '", model.name, "'"), [&batch, &times] { return RunTokenizer(batch, times.batch); });
  times.batch_end = absl::Now();
  admission_.RecordBatch(record.tokens, times.batch_end - times.batch_start);
  metrics_->RecordBatch(record);
  for (size_t i = 0; i < batch.size(); ++i) {
    TokenizerTask& task = *batch[i];
    if (outputs.ok()) {
      std::move(task.done)(std::move((*outputs)[i]), times);
    } else {
      std::move(task.done)(outputs.status(), times);
    }
  }
}

}  // namespace vitok
