#include "server/attention_metrics.h"

#include <map>
#include <string>

#include "core/ops/attention_stats.h"

namespace vitok {
namespace {

std::map<std::string, double> PassesByPath() {
  const AttentionStats stats = ReadAttentionStats();
  std::map<std::string, double> passes;
  for (int path = 0; path < kNumAttentionPaths; ++path) {
    passes[std::string(AttentionPathName(static_cast<AttentionPath>(path)))] = static_cast<double>(stats.passes[path]);
  }
  return passes;
}

std::map<std::string, double> PlansByResult() {
  const AttentionStats stats = ReadAttentionStats();
  return {{"built", static_cast<double>(stats.plans)}, {"refused", static_cast<double>(stats.refused_plans)}};
}

}  // namespace

void AddAttentionMetrics(ScrapeValues& values) {
  constexpr ScrapeValues::Kind kCounter = ScrapeValues::Kind::kCounter;
  values.AddGroup(kCounter, "vitok_attention_passes_total", "Passes of a tower by how attention was computed", {},
                  "path", &PassesByPath);
  values.AddGroup(kCounter, "vitok_attention_plans_total", "Attention plans asked of cuDNN", {}, "result",
                  &PlansByResult);
  values.Add(kCounter, "vitok_attention_plan_seconds_total", "Time spent on building attention plans", {},
             [] { return ReadAttentionStats().build_seconds; });
}

}  // namespace vitok
