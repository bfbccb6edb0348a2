// How attention was computed in this process (core/ops/attention_stats.h), for /metrics. Free of torch.
#pragma once

#include "server/scrape_values.h"

namespace vitok {

void AddAttentionMetrics(ScrapeValues& values);

}  // namespace vitok
