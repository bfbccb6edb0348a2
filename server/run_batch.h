// One forward pass over the inputs of a batch, whatever goes wrong with it.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/model/tokenizer.h"
#include "server/batching/batch_task.h"
#include "server/tokenizer_task.h"

namespace vitok {

// Runs `op` over `inputs` (each of the kind that op takes) and returns one result an input. When memory runs out,
// unused memory is given back and both halves are tried alone, once; an input for which there is not even memory alone
// gets RESOURCE_EXHAUSTED with RetryInfo. DEVICE_FAULT (ErrorReason) for all: the device failed, nothing will run on it
// again. Any other error is one of the model and is the result of all inputs. Never throws. `times` are summed over the
// parts.
std::vector<absl::StatusOr<TokenSequence>> RunBatch(const LoadedModel& model, TokenizerOp op,
                                                    std::vector<TokenSequence> inputs, BatchTimes& times);

}  // namespace vitok
