// Errors that clients can act on: absl::Status with google.rpc details, and its way to the wire. Free of torch.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace vitok {

// ErrorInfo reasons of this service; the domain is "vitok".
inline constexpr std::string_view kReasonDraining = "DRAINING";
inline constexpr std::string_view kReasonLoading = "LOADING";
inline constexpr std::string_view kReasonQueueRequests = "QUEUE_REQUESTS";
inline constexpr std::string_view kReasonQueueTokens = "QUEUE_TOKENS";
inline constexpr std::string_view kReasonQueueBytes = "QUEUE_BYTES";
inline constexpr std::string_view kReasonQuota = "QUOTA";
inline constexpr std::string_view kReasonDeadlinePredicted = "DEADLINE_PREDICTED";
inline constexpr std::string_view kReasonDeviceMemory = "DEVICE_MEMORY";
inline constexpr std::string_view kReasonDeviceFault = "DEVICE_FAULT";

// INVALID_ARGUMENT "<field> <problem>" with a BadRequest violation of that field.
//   FieldError("images[2].raw.shape", "must be [H, W, 3]; was [4, 4]")
absl::Status FieldError(std::string_view field, std::string_view problem);

// An error of a lower layer, named by the field that caused it: "<field>: <message>", same code. INVALID_ARGUMENT gets
// a BadRequest violation. REQUIRES: !status.ok().
absl::Status AtField(std::string_view field, const absl::Status& status);

// RESOURCE_EXHAUSTED that is worth a retry: RetryInfo and ErrorInfo.
absl::Status QueueFullError(std::string_view reason, std::string_view message, absl::Duration retry_delay);

// UNAVAILABLE with ErrorInfo DRAINING: the server is shutting down, another replica may take the call.
absl::Status DrainingError();

// UNAVAILABLE with RetryInfo and ErrorInfo LOADING: the model will be there soon, or in another replica.
absl::Status LoadingError(std::string_view model);

// UNAVAILABLE with RetryInfo: the model's last calls still run; then it can be loaded again.
absl::Status UnloadingError(std::string_view model);

// DEADLINE_EXCEEDED with ErrorInfo DEADLINE_PREDICTED: the call would have passed its deadline before it was done.
absl::Status DeadlinePredictedError(absl::Duration needed, absl::Duration left);

// UNAVAILABLE with ErrorInfo DEVICE_FAULT: the device failed; another replica may take the call.
absl::Status DeviceFaultError(std::string_view reason);

// Reason of the status's ErrorInfo, "" if it has none.
std::string ErrorReason(const absl::Status& status);

// RetryInfo's delay, zero if the status has none.
absl::Duration RetryDelay(const absl::Status& status);

// Name of the code as gRPC spells it ("INVALID_ARGUMENT").
std::string_view CodeName(absl::StatusCode code);

// Statuses for the wire, with all details.
google::rpc::Status ToRpcStatus(const absl::Status& status);
grpc::Status ToGrpcStatus(const absl::Status& status);

// The message that both carry: valid UTF-8, and cut if it is long, since trailers above 8 KiB would break the call.
std::string WireMessage(const absl::Status& status);

}  // namespace vitok
