// The process_* metrics that every Prometheus client library has. Free of torch.
#pragma once

#include <cstdint>
#include <optional>

#include "server/scrape_values.h"

namespace vitok {

struct ProcessStats {
  double cpu_seconds = 0;         // user and system
  double start_time_seconds = 0;  // since the Unix epoch
  int64_t threads = 0;
  int64_t virtual_bytes = 0;
  int64_t resident_bytes = 0;
};

// Of this process, from /proc; nullopt where there is none or no file descriptor is left to read it with.
std::optional<ProcessStats> ReadProcessStats();
std::optional<int64_t> CountOpenFiles();

// Adds process_cpu_seconds_total, process_start_time_seconds, process_threads, process_virtual_memory_bytes,
// process_resident_memory_bytes, process_open_fds and process_max_fds.
void AddProcessMetrics(ScrapeValues& values);

}  // namespace vitok
