// What attention did in this process so far, for logs and metrics. Free of torch and CUDA. Thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "core/ops/attention_plan_key.h"

namespace vitok {

struct AttentionStats {
  std::array<int64_t, kNumAttentionPaths> passes = {};  // forward passes of a tower, by AttentionPath
  int64_t plans = 0;                                    // cuDNN plans that were built, on all devices
  int64_t refused_plans = 0;                            // shapes for which cuDNN had none
  double build_seconds = 0;                             // spent on both
};

AttentionStats ReadAttentionStats();

void CountAttentionPass(AttentionPath path);

// A plan for a shape was built (or refused) in `seconds`.
void CountAttentionPlan(bool built, double seconds);

}  // namespace vitok
