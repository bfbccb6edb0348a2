#include "server/run_batch.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "core/base/str_cat.h"
#include "core/model/device.h"
#include "server/exceptions.h"
#include "server/status_details.h"

namespace vitok {
namespace {

constexpr absl::Duration kMemoryRetryDelay = absl::Seconds(1);

std::string What(const LoadedModel& model) { return StrCat("model '", model.key.name, "'"); }

// For clients, who may try again.
absl::Status OutOfMemory(const absl::Status& status) {
  return QueueFullError(kReasonDeviceMemory, std::string(status.message()), kMemoryRetryDelay);
}

void AppendHalf(const LoadedModel& model, absl::Span<const TokenizerItem> items, BatchTimes& times,
                BatchResults& results) {
  if (items.empty()) return;
  const absl::StatusOr<std::unique_ptr<PendingBatch>> pending = SubmitBatch(model, items);
  BatchTimes half;
  BatchResults outputs =
      pending.ok()
          ? FinishBatch(model, **pending, items.size(), half)
          : FailBatch(absl::IsResourceExhausted(pending.status()) ? OutOfMemory(pending.status()) : pending.status(),
                      items.size());
  times.host_to_device += half.host_to_device;
  times.compute += half.compute;
  times.device_to_host += half.device_to_host;
  std::move(outputs.begin(), outputs.end(), std::back_inserter(results));
}

}  // namespace

absl::StatusOr<std::unique_ptr<PendingBatch>> SubmitBatch(const LoadedModel& model,
                                                          absl::Span<const TokenizerItem> items) {
  return CatchExceptions(What(model), [&] { return model.tokenizer->Submit(items); });
}

BatchResults FinishBatch(const LoadedModel& model, PendingBatch& pending, size_t count, BatchTimes& times) {
  absl::StatusOr<std::vector<TokenizerOutput>> outputs =
      CatchExceptions(What(model), [&] { return pending.Wait(times); });
  if (outputs.ok() && outputs->size() != count) {
    outputs = absl::InternalError(
        StrCat("tokenizer must return ", count, " results for as many items; was ", outputs->size()));
  }
  if (absl::IsResourceExhausted(outputs.status())) outputs = OutOfMemory(outputs.status());
  if (!outputs.ok()) return FailBatch(outputs.status(), count);
  return BatchResults(std::make_move_iterator(outputs->begin()), std::make_move_iterator(outputs->end()));
}

BatchResults RunInHalves(const LoadedModel& model, absl::Span<const TokenizerItem> items, BatchTimes& times) {
  ReleaseCachedMemory(model.info().device);
  BatchResults results;
  results.reserve(items.size());
  const size_t half = items.size() / 2;
  AppendHalf(model, items.first(half), times, results);
  AppendHalf(model, items.subspan(half), times, results);
  return results;
}

BatchResults FailBatch(const absl::Status& status, size_t count) {
  BatchResults results;
  results.reserve(count);
  for (size_t i = 0; i < count; ++i) results.emplace_back(status);
  return results;
}

}  // namespace vitok
