// Configuration of tracing (the section `tracing` of configs/server.yaml). Free of torch.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace vitok {

struct TracingOptions {
  std::string endpoint;                       // "http://host:port"; empty: no tracing
  double sample_ratio = 0.01;                 // of the calls that come without a trace context; [0, 1]
  int64_t queue_spans = 8192;                 // that may wait for the collector; more are dropped
  absl::Duration timeout = absl::Seconds(5);  // of one attempt to send
};

}  // namespace vitok
