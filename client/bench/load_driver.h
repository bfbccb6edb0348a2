// The seam between what a run sends when, and how it travels.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/bench/prepared_request.h"
#include "client/bench/reply_summary.h"

namespace vitok {

// How a request ended.
struct RequestOutcome {
  absl::Status status;       // of the call; if that is OK, of the first item that failed
  bool unreachable = false;  // no server answered
  ReplySummary reply;        // if the call itself was OK
  int64_t reply_bytes = 0;
  int retries = 0;            // how often it was sent again
  absl::Duration round_trip;  // from sending to the answer, the last time it was sent
};

// Sends requests without blocking. Thread-safe.
class LoadDriver {
 public:
  using Done = absl::AnyInvocable<void(const RequestOutcome&)>;

  virtual ~LoadDriver() = default;

  // Calls `done` once, later, on a thread of the driver, and never from within Send. `done` may call Send. `request`
  // must live until then.
  virtual void Send(const PreparedRequest& request, Done done) = 0;

  // Ends all requests that are under way, with CANCELLED unless they finish first.
  virtual void CancelAll() = 0;
};

}  // namespace vitok
