// The seam between what a run sends when, and how it travels.
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "client/bench/prepared_request.h"
#include "client/bench/request_outcome.h"

namespace vitok {

// Sends requests without blocking. Thread-safe.
class LoadDriver {
 public:
  using Done = absl::AnyInvocable<void(const RequestOutcome&)>;

  virtual ~LoadDriver() = default;

  // Makes the connections, so that no request pays for one. Returns when each is made or has failed, or after
  // `timeout`.
  virtual void Connect(absl::Duration timeout) = 0;

  // Calls `done` once, later, on a thread of the driver, and never from within Send. `done` may call Send. `request`
  // must live until then.
  virtual void Send(const PreparedRequest& request, Done done) = 0;

  // Ends all requests that are under way, with CANCELLED unless they finish first.
  virtual void CancelAll() = 0;
};

}  // namespace vitok
