// What a run has measured.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/bench/latency_histogram.h"
#include "client/tokenizer_types.h"

namespace vitok {

// The stages of a successful request: those of the server, its total, and what lies outside the server.
struct Stage {
  std::string_view name;
  absl::Duration Timings::*duration;
};
inline constexpr std::array<Stage, 8> kStages = {{{"preprocess", &Timings::preprocess},
                                                  {"queue", &Timings::queue},
                                                  {"host_to_device", &Timings::host_to_device},
                                                  {"compute", &Timings::compute},
                                                  {"device_to_host", &Timings::device_to_host},
                                                  {"postprocess", &Timings::postprocess},
                                                  {"total", &Timings::total},
                                                  // LoadRecorder takes the server's total off the round trip.
                                                  {"transport", &Timings::round_trip}}};

// Requests that ended with one code.
struct CodeStats {
  LatencyHistogram latency;  // its count is the number of requests
  std::string message;       // of the first one
};

// A run has two sides. The measured requests are those that were due within the window (after the warm-up, before the
// end); all of them are waited for, so that slow ones are not missing. The rates count what ended within the window,
// whenever it was due, so that neither its beginning nor its end distorts them.
struct LoadStats {
  absl::Duration window;  // how long the window was

  // Measured requests. The latency counts from the moment a request was due.
  int64_t due = 0;
  int64_t not_sent = 0;   // due while as many as allowed were in flight
  int64_t abandoned = 0;  // given up by the user
  std::map<absl::StatusCode, CodeStats> codes;
  std::array<LatencyHistogram, kStages.size()> stages;  // of the successful ones
  LatencyHistogram send_delay;                          // from due to sent: how late the load generator is
  int64_t retries = 0;
  int64_t unreachable = 0;

  // What ended within the window.
  int64_t finished = 0;   // with any code
  int64_t succeeded = 0;  // all items
  int64_t images = 0;     // items that succeeded, also those of requests in which others failed
  int64_t tokens = 0;     // of these items
  int64_t pixels = 0;
  int64_t sent_bytes = 0;  // messages of finished requests that reached a server
  int64_t received_bytes = 0;

  int64_t most_in_flight = 0;  // over the whole run
};

// Requests of all codes together that did (not) succeed.
LatencyHistogram LatencyOfSuccesses(const LoadStats& stats);
LatencyHistogram LatencyOfFailures(const LoadStats& stats);

}  // namespace vitok
