// What the batcher knows of a piece of work. Free of torch.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace vitok {

enum class TokenizerOp { kEncode, kDecode, kReconstruct };

// One image or latent on its way to a device. Whoever owns a task ends it exactly once: by running it, or by Drop.
class BatchTask {
 public:
  virtual ~BatchTask() = default;

  // Ends the task without running it. `status` is an error. Must not call back into the batcher.
  virtual void Drop(absl::Status status) = 0;

  // Only tasks of the same model and op share a batch.
  const void* model_key = nullptr;
  TokenizerOp op = TokenizerOp::kEncode;
  int64_t tokens = 0;
  absl::Time deadline = absl::InfiniteFuture();
  // Set by the client's cancellation, from any thread. nullptr: cannot be cancelled.
  std::shared_ptr<const std::atomic<bool>> cancelled;
};

}  // namespace vitok
