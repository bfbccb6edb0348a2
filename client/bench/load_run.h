// A run under way: sends requests of a pool, bounds them, records what happens. The loops (closed_loop.h, open_loop.h)
// decide when to send.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/bench/clock.h"
#include "client/bench/load_driver.h"
#include "client/bench/load_recorder.h"
#include "client/bench/random.h"

namespace vitok {

// What a user sees once a second.
struct LoadProgress {
  absl::Duration elapsed;
  bool warming_up = false;
  bool over = false;  // the remaining requests are waited for
  int64_t in_flight = 0;
  int64_t finished = 0;  // since the last progress
  int64_t failed = 0;    // of these
  int64_t not_sent = 0;  // since the last progress
  absl::Duration since_last;
};

struct LoadRunOptions {
  absl::Duration warm_up;                              // not measured
  absl::Duration duration = absl::InfiniteDuration();  // of the measured part
  int64_t requests = 0;                                // measured ones after which the run ends; 0: no bound
  uint64_t seed = 0;                                   // of the order of requests
  // How often the user has asked for an end: once ends the sending, twice also gives up what is in flight.
  std::function<int()> interrupts = [] { return 0; };
  std::function<void(const LoadProgress&)> progress = [](const LoadProgress&) {};
};

// The requests of the pool are sent in passes: all of them, in another order each time, so that the mix stays that of
// the pool and no request always meets the same server.
//
// Send may be called from any thread; NotSent, Tick and Finish belong to the thread of the loop. Each loop runs until
// over().
class LoadRun {
 public:
  using Then = absl::AnyInvocable<void(const RequestOutcome&)>;

  // How long Tick sleeps at most, so how soon the end and an interrupt are seen.
  static constexpr absl::Duration kTick = absl::Milliseconds(10);

  // `pool`, `driver` and `clock` must outlive the run. REQUIRES: pool is not empty; the clock starts with the run.
  LoadRun(LoadRunOptions options, absl::Span<const PreparedRequest> pool, LoadDriver* driver, Clock* clock);

  // Sends the next request; its latency counts from `due`. `then` is called when it has ended and been recorded, unless
  // the user gave it up. False if the run is over: nothing was sent.
  bool Send(absl::Duration due, Then then);

  // Records a request that was due and is not sent. False if the run is over.
  bool NotSent(absl::Duration due);

  // Sleeps until `time`, if that is not over, but not longer than kTick; then looks for the end, interrupts and
  // progress.
  void Tick(absl::Duration time = absl::InfiniteDuration());

  // Waits for what is in flight and gives back what was measured. REQUIRES: over().
  LoadStats Finish();

  bool over() const;
  int64_t in_flight() const;
  absl::Duration Now() const { return clock_->Now(); }

 private:
  bool IsIdle() const;
  bool Admit(absl::Duration due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const PreparedRequest& NextRequest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnDone(const PreparedRequest& request, bool measured, absl::Duration due, const RequestOutcome& outcome,
              Then& then);
  void HandleInterrupts(absl::Duration now);
  void ReportProgress(absl::Duration now);

  const LoadRunOptions options_;
  const absl::Span<const PreparedRequest> pool_;
  LoadDriver* const driver_;  // not owned
  Clock* const clock_;        // not owned

  mutable absl::Mutex mutex_;
  LoadRecorder recorder_ ABSL_GUARDED_BY(mutex_);
  Random random_ ABSL_GUARDED_BY(mutex_);
  std::vector<size_t> order_ ABSL_GUARDED_BY(mutex_);  // what is left of this pass over the pool, last first
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  bool giving_up_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t running_thens_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t admitted_ ABSL_GUARDED_BY(mutex_) = 0;  // measured requests
  absl::Duration last_done_ ABSL_GUARDED_BY(mutex_);
  LoadProgress progress_ ABSL_GUARDED_BY(mutex_);  // since the last report, at last_progress_

  absl::Duration last_progress_;  // of the loop's thread
};

}  // namespace vitok
