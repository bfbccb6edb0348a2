// The first batches of a model, before anybody waits for one.
#pragma once

#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/batching/cost_model.h"
#include "server/batching/lane.h"
#include "server/loaded_model.h"

namespace vitok {

// Runs batches of each op the model can do: the smallest image, one of an odd shape, then growing ones up to a full
// batch, as far as `time_limit` of device time allows (the first three always). Returns what they cost, by op.
//
// The batches go through the queue of the model's worker as background work, one after the other: requests for other
// models go first. Blocks meanwhile. Errors are the model's or the worker's. REQUIRES: model->worker; `budget` is the
// worker's.
absl::StatusOr<std::map<TokenizerOp, CostModel>> WarmUp(const std::shared_ptr<LoadedModel>& model,
                                                        const BatchBudget& budget, absl::Duration time_limit);

}  // namespace vitok
