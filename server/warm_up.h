// The first batches of a model, before anybody waits for one.
#pragma once

#include <map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/batching/cost_model.h"
#include "server/batching/lane.h"
#include "server/loaded_model.h"

namespace vitok {

// Runs batches of each op the model can do: the smallest image, one of an odd shape, then growing ones up to a full
// batch, as far as `time_limit` allows (the first three always). Returns what they cost, by op. Errors are the model's.
// Calls the model's tokenizer: REQUIRES that its worker has no task of it.
absl::StatusOr<std::map<TokenizerOp, CostModel>> WarmUp(const LoadedModel& model, const BatchBudget& budget,
                                                        absl::Duration time_limit);

}  // namespace vitok
