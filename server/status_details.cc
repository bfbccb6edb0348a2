#include "server/status_details.h"

#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/escaping.h"
#include "core/base/str_cat.h"
#include "core/base/utf8.h"
#include "google/protobuf/any.pb.h"
#include "google/rpc/error_details.pb.h"

namespace vitok {
namespace {

constexpr size_t kMaxMessageBytes = 1024;
constexpr absl::Duration kModelRetryDelay = absl::Seconds(1);  // what loads and unloads take, more or less
constexpr std::string_view kTypePrefix = "type.googleapis.com/";

// At most kMaxMessageBytes, never cutting a UTF-8 sequence in two: protobuf strings must be valid UTF-8. Whatever is
// not, such as a name that a client made up, becomes ASCII.
std::string Shorten(std::string_view message) {
  if (!IsUtf8(message)) return Shorten(absl::CHexEscape(std::string(message)));
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  size_t end = kMaxMessageBytes - 3;
  while (end > 0 && (message[end] & 0xC0) == 0x80) --end;
  return StrCat(message.substr(0, end), "...");
}

template <typename Detail>
std::string TypeUrl() {
  return StrCat(kTypePrefix, Detail::descriptor()->full_name());
}

template <typename Detail>
void AddDetail(const Detail& detail, absl::Status& status) {
  status.SetPayload(TypeUrl<Detail>(), absl::Cord(detail.SerializeAsString()));
}

template <typename Detail>
std::optional<Detail> FindDetail(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(TypeUrl<Detail>());
  Detail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

void AddViolation(std::string_view field, std::string_view problem, absl::Status& status) {
  google::rpc::BadRequest details;
  google::rpc::BadRequest::FieldViolation* violation = details.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(Shorten(problem));
  AddDetail(details, status);
}

void AddRetryInfo(absl::Duration delay, absl::Status& status) {
  google::rpc::RetryInfo retry;
  const int64_t seconds = absl::ToInt64Seconds(delay);
  retry.mutable_retry_delay()->set_seconds(seconds);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(delay - absl::Seconds(seconds))));
  AddDetail(retry, status);
}

void AddErrorInfo(std::string_view reason, absl::Status& status) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain("vitok");
  AddDetail(info, status);
}

grpc::StatusCode ToGrpcCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk: return grpc::StatusCode::OK;
    case absl::StatusCode::kCancelled: return grpc::StatusCode::CANCELLED;
    case absl::StatusCode::kUnknown: return grpc::StatusCode::UNKNOWN;
    case absl::StatusCode::kInvalidArgument: return grpc::StatusCode::INVALID_ARGUMENT;
    case absl::StatusCode::kDeadlineExceeded: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case absl::StatusCode::kNotFound: return grpc::StatusCode::NOT_FOUND;
    case absl::StatusCode::kAlreadyExists: return grpc::StatusCode::ALREADY_EXISTS;
    case absl::StatusCode::kPermissionDenied: return grpc::StatusCode::PERMISSION_DENIED;
    case absl::StatusCode::kResourceExhausted: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case absl::StatusCode::kFailedPrecondition: return grpc::StatusCode::FAILED_PRECONDITION;
    case absl::StatusCode::kAborted: return grpc::StatusCode::ABORTED;
    case absl::StatusCode::kOutOfRange: return grpc::StatusCode::OUT_OF_RANGE;
    case absl::StatusCode::kUnimplemented: return grpc::StatusCode::UNIMPLEMENTED;
    case absl::StatusCode::kInternal: return grpc::StatusCode::INTERNAL;
    case absl::StatusCode::kUnavailable: return grpc::StatusCode::UNAVAILABLE;
    case absl::StatusCode::kDataLoss: return grpc::StatusCode::DATA_LOSS;
    case absl::StatusCode::kUnauthenticated: return grpc::StatusCode::UNAUTHENTICATED;
    case absl::StatusCode::kDoNotUseReservedForFutureExpansionUseDefaultInSwitchInstead_: break;
  }
  return grpc::StatusCode::UNKNOWN;
}

}  // namespace

absl::Status FieldError(std::string_view field, std::string_view problem) {
  absl::Status status = absl::InvalidArgumentError(StrCat(field, " ", problem));
  AddViolation(field, problem, status);
  return status;
}

absl::Status AtField(std::string_view field, const absl::Status& status) {
  absl::Status named(status.code(), StrCat(field, ": ", std::string(status.message())));
  if (status.code() == absl::StatusCode::kInvalidArgument) {
    AddViolation(field, std::string(status.message()), named);
  }
  return named;
}

absl::Status QueueFullError(std::string_view reason, std::string_view message, absl::Duration retry_delay) {
  absl::Status status = absl::ResourceExhaustedError(ToAbsl(message));
  AddRetryInfo(retry_delay, status);
  AddErrorInfo(reason, status);
  return status;
}

absl::Status DrainingError() {
  absl::Status status = absl::UnavailableError("server is draining: it finishes admitted calls and takes no new ones");
  AddErrorInfo(kReasonDraining, status);
  return status;
}

absl::Status LoadingError(std::string_view model) {
  absl::Status status = absl::UnavailableError(StrCat("model '", model, "' is loading"));
  AddRetryInfo(kModelRetryDelay, status);
  AddErrorInfo(kReasonLoading, status);
  return status;
}

absl::Status UnloadingError(std::string_view model) {
  absl::Status status = absl::UnavailableError(StrCat("model '", model, "' is unloading: its last calls still run"));
  AddRetryInfo(kModelRetryDelay, status);
  return status;
}

absl::Status DeadlinePredictedError(absl::Duration needed, absl::Duration left) {
  absl::Status status = absl::DeadlineExceededError(
      StrCat("would be done in ", absl::FormatDuration(needed), "; the deadline is in ", absl::FormatDuration(left)));
  AddErrorInfo(kReasonDeadlinePredicted, status);
  return status;
}

absl::Status DeviceFaultError(std::string_view reason) {
  absl::Status status = absl::UnavailableError(StrCat("the device failed: ", reason));
  AddErrorInfo(kReasonDeviceFault, status);
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  const auto info = FindDetail<google::rpc::ErrorInfo>(status);
  return info.has_value() ? info->reason() : std::string();
}

absl::Duration RetryDelay(const absl::Status& status) {
  const auto retry = FindDetail<google::rpc::RetryInfo>(status);
  if (!retry.has_value()) return absl::ZeroDuration();
  return absl::Seconds(retry->retry_delay().seconds()) + absl::Nanoseconds(retry->retry_delay().nanos());
}

std::string_view CodeName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk: return "OK";
    case absl::StatusCode::kCancelled: return "CANCELLED";
    case absl::StatusCode::kUnknown: return "UNKNOWN";
    case absl::StatusCode::kInvalidArgument: return "INVALID_ARGUMENT";
    case absl::StatusCode::kDeadlineExceeded: return "DEADLINE_EXCEEDED";
    case absl::StatusCode::kNotFound: return "NOT_FOUND";
    case absl::StatusCode::kAlreadyExists: return "ALREADY_EXISTS";
    case absl::StatusCode::kPermissionDenied: return "PERMISSION_DENIED";
    case absl::StatusCode::kResourceExhausted: return "RESOURCE_EXHAUSTED";
    case absl::StatusCode::kFailedPrecondition: return "FAILED_PRECONDITION";
    case absl::StatusCode::kAborted: return "ABORTED";
    case absl::StatusCode::kOutOfRange: return "OUT_OF_RANGE";
    case absl::StatusCode::kUnimplemented: return "UNIMPLEMENTED";
    case absl::StatusCode::kInternal: return "INTERNAL";
    case absl::StatusCode::kUnavailable: return "UNAVAILABLE";
    case absl::StatusCode::kDataLoss: return "DATA_LOSS";
    case absl::StatusCode::kUnauthenticated: return "UNAUTHENTICATED";
    case absl::StatusCode::kDoNotUseReservedForFutureExpansionUseDefaultInSwitchInstead_: break;
  }
  return "UNKNOWN";
}

std::string WireMessage(const absl::Status& status) { return Shorten(std::string(status.message())); }

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status rpc_status;
  rpc_status.set_code(ToGrpcCode(status.code()));
  rpc_status.set_message(WireMessage(status));
  status.ForEachPayload([&rpc_status](absl::string_view type_url, const absl::Cord& payload) {
    google::protobuf::Any* detail = rpc_status.add_details();
    detail->set_type_url(std::string(type_url));
    detail->set_value(std::string(payload));
  });
  return rpc_status;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc_status = ToRpcStatus(status);
  return grpc::Status(ToGrpcCode(status.code()), rpc_status.message(), rpc_status.SerializeAsString());
}

}  // namespace vitok
