// Rates of a run.
#pragma once

#include "client/bench/load_stats.h"

namespace vitok {

// A second of the window, each. All are 0 if the run ended before its window began.
struct BenchRates {
  double requests = 0;  // that ended, with any code
  double goodput = 0;   // requests that succeeded
  double images = 0;
  double tokens = 0;
  double pixels = 0;
  double sent_mb = 0;  // 10^6 bytes of messages
  double received_mb = 0;
};

inline BenchRates RatesOf(const LoadStats& stats) {
  const double seconds = absl::ToDoubleSeconds(stats.window);
  if (seconds <= 0) return {};
  return {.requests = stats.finished / seconds,
          .goodput = stats.succeeded / seconds,
          .images = stats.images / seconds,
          .tokens = stats.tokens / seconds,
          .pixels = stats.pixels / seconds,
          .sent_mb = stats.sent_bytes / 1e6 / seconds,
          .received_mb = stats.received_bytes / 1e6 / seconds};
}

}  // namespace vitok
