// Turns what happens to requests into LoadStats.
#pragma once

#include "client/bench/load_driver.h"
#include "client/bench/load_stats.h"

namespace vitok {

// All times count from the start of the run. For one thread.
class LoadRecorder {
 public:
  // Measures the window [begin, end); an infinite end is set later by CloseWindow.
  LoadRecorder(absl::Duration begin, absl::Duration end) : begin_(begin), end_(end) {}

  // Whether a request that is due then is one of the measured ones. Ask when it is sent: it stays one if the window is
  // closed early.
  bool Measures(absl::Duration due) const { return due >= begin_ && due < end_; }

  void RecordSent(absl::Duration due, absl::Duration now, int64_t in_flight);
  void RecordNotSent(absl::Duration due);

  // `measured`: what Measures said when the request was sent.
  void RecordDone(const PreparedRequest& request, bool measured, absl::Duration due, absl::Duration now,
                  const RequestOutcome& outcome);
  void RecordAbandoned(bool measured);

  // Ends the window at `time`, unless it ends before.
  void CloseWindow(absl::Duration time);

  absl::Duration end() const { return end_; }

  const LoadStats& stats() const { return stats_; }

 private:
  void RecordRates(const PreparedRequest& request, const RequestOutcome& outcome);

  const absl::Duration begin_;
  absl::Duration end_;
  LoadStats stats_;
};

}  // namespace vitok
