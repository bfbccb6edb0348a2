// Which class of service the next batch is led by. Free of torch.
#pragma once

#include <array>
#include <cstdint>

#include "server/batching/batch_task.h"

namespace vitok {

// The most urgent class that waits goes first, but no class starves: while a class waits, it earns a share of all
// tokens that others are given, and when it has earned its next task, it goes before them. So at saturation a batch
// class keeps at least 10 % of the tokens and a background class at least 5 %, and neither gets more while interactive
// work waits. Not thread-safe.
class ClassCredits {
 public:
  // The class to serve: `next_tokens[c]` are the tokens of class c's oldest task, 0 if it has none. REQUIRES: not all
  // 0.
  Priority Choose(const std::array<int64_t, kPriorities>& next_tokens) const;

  // A batch with so many tokens of each class goes to the device; `waiting[c]` tells whether class c had work.
  void Serve(const std::array<int64_t, kPriorities>& tokens, const std::array<bool, kPriorities>& waiting);

 private:
  std::array<double, kPriorities> credits_{};  // tokens
};

}  // namespace vitok
