// One image or latent for a device worker, and what comes out.
#pragma once

#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/model/tokenizer.h"
#include "server/batching/batch_task.h"
#include "server/loaded_model.h"
#include "server/tracing/trace_context.h"

namespace vitok {

// When the batch of a task ran; means nothing for a task that was dropped.
struct TaskTimes {
  absl::Time batch_start;  // when it left the queue; a batch before it may still have computed then
  BatchTimes batch;
  absl::Time batch_end;
  bool alone = false;  // the batch held nothing else
  SpanContext trace;   // the batch's span; invalid if it is not traced
};

class TokenizerTask : public BatchTask {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<TokenizerOutput> output, const TaskTimes& times) &&>;

  void Drop(absl::Status status) override { std::move(done)(std::move(status), TaskTimes()); }

  std::shared_ptr<LoadedModel> model;
  TokenizerItem item;                      // of the kind that lane.op takes
  std::shared_ptr<const void> item_owner;  // of the memory that `item` is a view of
  SpanContext trace;                       // the request's span; invalid if it is not traced
  Done done;                               // called exactly once, on any thread; must not block
};

}  // namespace vitok
