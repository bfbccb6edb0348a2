#include "core/ops/attention_stats.h"

#include "absl/synchronization/mutex.h"

namespace vitok {
namespace {

struct Counters {
  absl::Mutex mutex;
  AttentionStats stats ABSL_GUARDED_BY(mutex);
};

Counters& GetCounters() {
  static auto* const counters = new Counters;  // outlives every thread
  return *counters;
}

}  // namespace

AttentionStats ReadAttentionStats() {
  Counters& counters = GetCounters();
  const absl::MutexLock lock(&counters.mutex);
  return counters.stats;
}

void CountAttentionPass(AttentionPath path) {
  Counters& counters = GetCounters();
  const absl::MutexLock lock(&counters.mutex);
  ++counters.stats.passes[static_cast<size_t>(path)];
}

void CountAttentionPlan(bool built, double seconds) {
  Counters& counters = GetCounters();
  const absl::MutexLock lock(&counters.mutex);
  ++(built ? counters.stats.plans : counters.stats.refused_plans);
  counters.stats.build_seconds += seconds;
}

}  // namespace vitok
