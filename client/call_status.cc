#include "client/call_status.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "google/rpc/error_details.pb.h"

namespace vitok {
namespace {

constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

// A server that asks for a retry at once must not make the client spin.
constexpr absl::Duration kShortestRetryDelay = absl::Milliseconds(10);

// The codes of absl, gRPC and google.rpc are the same numbers; one that is none of them is UNKNOWN.
absl::StatusCode ToAbslCode(int code) {
  constexpr int kLargestCode = static_cast<int>(absl::StatusCode::kUnauthenticated);
  return code >= 0 && code <= kLargestCode ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown;
}

}  // namespace

absl::Status ToAbslStatus(const google::rpc::Status& status) {
  absl::Status result(ToAbslCode(status.code()), status.message());
  for (const google::protobuf::Any& detail : status.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

absl::Status ToAbslStatus(const grpc::Status& status) {
  absl::Status result(ToAbslCode(status.error_code()), status.error_message());
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return result;
}

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status)) return std::nullopt;
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryInfoUrl);
  google::rpc::RetryInfo retry_info;
  if (!payload || !retry_info.ParseFromString(std::string(*payload))) return std::nullopt;
  const absl::Duration delay =
      absl::Seconds(retry_info.retry_delay().seconds()) + absl::Nanoseconds(retry_info.retry_delay().nanos());
  return std::max(delay, kShortestRetryDelay);
}

bool IsUnreachable(const absl::Status& status) {
  return absl::IsUnavailable(status) && !status.GetPayload(kErrorInfoUrl) && !status.GetPayload(kRetryInfoUrl);
}

}  // namespace vitok
