#include "server/attention_metrics.h"

#include <gtest/gtest.h>

#include "core/ops/attention_stats.h"

namespace vitok {
namespace {

double Read(const ScrapeValues& values, const std::string& name, const std::string& label) {
  for (const prometheus::MetricFamily& family : values.Collect()) {
    if (family.name != name) continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      if (label.empty() || metric.label.front().value == label) return metric.counter.value;
    }
  }
  return -1;
}

TEST(AttentionMetricsTest, FollowWhatIsCounted) {
  ScrapeValues values;
  AddAttentionMetrics(values);
  const double dense = Read(values, "vitok_attention_passes_total", "dense");
  const double per_image = Read(values, "vitok_attention_passes_total", "per_image");
  const double built = Read(values, "vitok_attention_plans_total", "built");
  const double refused = Read(values, "vitok_attention_plans_total", "refused");
  const double seconds = Read(values, "vitok_attention_plan_seconds_total", "");
  const double packed_fp8 = Read(values, "vitok_attention_passes_total", "packed_fp8");
  CountAttentionPass(AttentionPath::kDense);
  CountAttentionPass(AttentionPath::kPackedFp8);
  CountAttentionPlan(/*built=*/true, 0.5);
  CountAttentionPlan(/*built=*/false, 0.25);
  EXPECT_EQ(Read(values, "vitok_attention_passes_total", "dense"), dense + 1);
  EXPECT_EQ(Read(values, "vitok_attention_passes_total", "per_image"), per_image);
  EXPECT_EQ(Read(values, "vitok_attention_passes_total", "packed_fp8"), packed_fp8 + 1);
  EXPECT_EQ(Read(values, "vitok_attention_plans_total", "built"), built + 1);
  EXPECT_EQ(Read(values, "vitok_attention_plans_total", "refused"), refused + 1);
  EXPECT_EQ(Read(values, "vitok_attention_plan_seconds_total", ""), seconds + 0.75);
}

}  // namespace
}  // namespace vitok
