// What a user learns from a run. docs/LOAD_TESTS.md explains every number.
#pragma once

#include <string>

#include "client/bench/bench_options.h"
#include "client/bench/load_run.h"
#include "client/bench/load_stats.h"
#include "client/tokenizer_types.h"
#include "nlohmann/json.hpp"

namespace vitok {

// Calls that a server takes at a time over one connection, at least: what HTTP/2 recommends (RFC 9113, 6.5.2). More
// wait in the load generator's gRPC library, which looks like a slow network.
inline constexpr int kCallsOfConnection = 100;

struct BenchReport {
  BenchOptions options;
  int pool = 0;  // distinct requests
  ServerInfo server;
  ModelInfo model;
  LoadStats stats;
  double cpu_cores = 0;  // that the load generator used on average
};

// One object with the keys of docs/LOAD_TESTS.md. Times are in ms; a percentile of nothing is null.
nlohmann::ordered_json ToJson(const BenchReport& report);

// Lines that say what was run, its rates, a table of latencies and stages, and what makes the numbers doubtful.
std::string ToText(const BenchReport& report);

// One line without a line break.
std::string ToText(const LoadProgress& progress);

}  // namespace vitok
