// What the batcher knows of a piece of work. Free of torch.
#pragma once

#include <cstdint>
#include <tuple>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace vitok {

enum class TokenizerOp { kEncode, kDecode, kReconstruct };

// Classes of service, the most urgent first.
enum class Priority { kInteractive, kBatch, kBackground };
inline constexpr int kPriorities = 3;

// Tasks of one model and op can share a batch. `model` is a number that is never used for another model.
struct LaneKey {
  uint64_t model = 0;
  TokenizerOp op = TokenizerOp::kEncode;

  friend bool operator==(const LaneKey&, const LaneKey&) = default;
  friend bool operator<(const LaneKey& a, const LaneKey& b) {
    return std::tie(a.model, a.op) < std::tie(b.model, b.op);
  }
};

// Size of a batch, or of one task as a batch of one: what budgets bound and costs follow from.
struct BatchSize {
  int64_t tokens = 0;         // Σn over its images
  int64_t square_tokens = 0;  // Σn²: what attention costs
  int64_t bytes = 0;          // of its inputs on the host

  BatchSize& operator+=(const BatchSize& other) {
    tokens += other.tokens;
    square_tokens += other.square_tokens;
    bytes += other.bytes;
    return *this;
  }
};

// One image or latent on its way to a device. Whoever owns a task ends it exactly once: by running it, or by Drop.
class BatchTask {
 public:
  virtual ~BatchTask() = default;

  // Ends the task without running it. `status` is an error. Must not call back into the batcher.
  virtual void Drop(absl::Status status) = 0;

  BatchSize size() const { return {tokens, tokens * tokens, bytes}; }

  LaneKey lane;
  Priority priority = Priority::kInteractive;
  int64_t tokens = 0;  // at most 2^31
  int64_t bytes = 0;
  uint64_t request = 0;                          // tasks of one request have one number; what Cancel takes
  absl::Time deadline = absl::InfiniteFuture();  // by the batcher's clock
};

}  // namespace vitok
