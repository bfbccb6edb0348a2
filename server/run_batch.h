// Batches through a model, whatever goes wrong with them. Nothing here throws.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/tokenizer_batch.h"
#include "server/loaded_model.h"

namespace vitok {

// One result an item. What may be in the way: RESOURCE_EXHAUSTED with RetryInfo: there was not enough memory.
// DEVICE_FAULT (ErrorReason), for all: the device failed, nothing will run on it again. Any other error is one of the
// model, for all.
using BatchResults = std::vector<absl::StatusOr<TokenizerOutput>>;

// Tokenizer::Submit. `items` need not outlive the call. Errors as above, but a plain RESOURCE_EXHAUSTED: RunInHalves is
// worth a try.
absl::StatusOr<std::unique_ptr<PendingBatch>> SubmitBatch(const LoadedModel& model,
                                                          absl::Span<const TokenizerItem> items);

// Waits for what SubmitBatch returned. `count`: of its items.
BatchResults FinishBatch(const LoadedModel& model, PendingBatch& pending, size_t count, BatchTimes& times);

// For a batch that memory ran out for: gives unused memory of the device back and runs both halves alone. An item for
// which there is not even memory alone gets RESOURCE_EXHAUSTED. `times` are summed over the halves.
BatchResults RunInHalves(const LoadedModel& model, absl::Span<const TokenizerItem> items, BatchTimes& times);

// `status` for each of `count` items.
BatchResults FailBatch(const absl::Status& status, size_t count);

}  // namespace vitok
