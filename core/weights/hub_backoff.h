// When a request to the hub is tried again.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/weights/hub_options.h"

namespace vitok {

// Counts the tries of one piece of work and waits between them: 1, 2, 4, 8 s, or as long as the server asks for. For
// one thread.
//
//   while (true) {
//     absl::Status status = Try();
//     if (status.ok()) return status;
//     VITOK_RETURN_IF_ERROR(backoff.Wait(status, retry_after));
//   }
class HubBackoff {
 public:
  static constexpr int kMaxTries = 5;
  static constexpr absl::Duration kMaxRetryAfter = absl::Minutes(5);  // who asks for more is not waited for

  // `options` must outlive this.
  explicit HubBackoff(const HubOptions* options, int max_tries = kMaxTries)
      : options_(options), max_tries_(max_tries) {}

  // OK: it has waited, try again. Else why not: `problem` unless it is UNAVAILABLE or DEADLINE_EXCEEDED, `problem` with
  // the number of tries after the last, CANCELLED.
  absl::Status Wait(const absl::Status& problem, absl::Duration retry_after);

  // There was progress: all tries are free again.
  void Reset() { tries_ = 0; }

 private:
  const HubOptions* const options_;
  const int max_tries_;
  int tries_ = 0;
};

// CANCELLED if the options say so.
absl::Status CheckCancelled(const HubOptions& options);

// Sleeps, in pieces between which CheckCancelled is asked; options.sleep in place of it if there is one.
absl::Status SleepUnlessCancelled(const HubOptions& options, absl::Duration duration);

}  // namespace vitok
