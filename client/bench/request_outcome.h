// How a request ended.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/bench/prepared_request.h"
#include "client/bench/reply_summary.h"

namespace vitok {

struct RequestOutcome {
  absl::Status status;       // of the call; if that is OK, of the first item that failed
  bool unreachable = false;  // no server answered
  ReplySummary reply;        // if the call itself was OK
  int64_t reply_bytes = 0;
  int retries = 0;            // how often it was sent again
  absl::Duration round_trip;  // from sending to the answer, the last time it was sent
};

// Of a request whose call failed.
RequestOutcome FailedOutcome(const absl::Status& status);

// Of a request whose call was OK, but for retries and round_trip. INTERNAL if the reply is malformed or has not one
// result for each item.
RequestOutcome AnsweredOutcome(const PreparedRequest& request, absl::StatusOr<ReplySummary> reply, int64_t reply_bytes);

}  // namespace vitok
