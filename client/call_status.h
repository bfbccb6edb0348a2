// Errors of calls: from gRPC and google.rpc.Status to absl::Status, and what a caller may do about them.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"

namespace vitok {

// Code, message and details. Each detail becomes a payload of the absl::Status under its type URL
// ("type.googleapis.com/google.rpc.RetryInfo").
absl::Status ToAbslStatus(const google::rpc::Status& status);
absl::Status ToAbslStatus(const grpc::Status& status);

// How long the server asks to wait before the same call may be made again, at least 10 ms. nullopt unless the status is
// UNAVAILABLE or RESOURCE_EXHAUSTED with a RetryInfo: anything else fails again, or nobody knows whether it would.
std::optional<absl::Duration> RetryDelay(const absl::Status& status);

// True if no server answered: UNAVAILABLE without the ErrorInfo or RetryInfo that a server of ours gives with it.
bool IsUnreachable(const absl::Status& status);

}  // namespace vitok
