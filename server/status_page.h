// The page that tells a person how the server does. Free of torch.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/rate_window.h"
#include "server/recent_errors.h"

namespace vitok {

// All that the page shows.
struct StatusReport {
  struct Model {
    std::string name;
    int64_t version = 1;
    std::string state;  // "ready"
    std::string variant;
    std::string dtype;
    std::string device;
    int64_t parameters = 0;
  };
  struct Queue {
    std::string device;
    int64_t requests = 0;  // items admitted and not finished
    int64_t max_requests = 0;
    int64_t tokens = 0;
    int64_t max_tokens = 0;
    int64_t batches = 0;  // on the device
  };

  std::string version;    // of the program
  std::string build;      // what it was made with
  std::string not_ready;  // why; "": ready
  absl::Time now;
  absl::Duration uptime;
  std::vector<Model> models;
  std::vector<Queue> queues;
  std::vector<MethodRates> rates;                         // of the last minute
  std::vector<std::pair<std::string, int64_t>> refusals;  // calls since the start, by reason
  std::vector<RecentError> errors;                        // the newest first
};

// HTML with its style inside and no script; browsers ask for it again every few seconds. All texts are escaped.
std::string RenderStatusPage(const StatusReport& report);

}  // namespace vitok
