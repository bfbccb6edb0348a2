#include "client/call_error.h"

#include "absl/strings/match.h"
#include "client/call_status.h"
#include "client/credentials.h"
#include "core/base/str_cat.h"

namespace vitok {

absl::Status ExplainCallError(const absl::Status& status, const CallSite& site) {
  std::string message;
  if (absl::IsDeadlineExceeded(status)) {
    // Told by this side ("Deadline Exceeded"), by the server, or as a reset stream, whichever comes first.
    message = StrCat(site.name, " on ", site.target, " did not finish within ", absl::FormatDuration(site.deadline));
  } else if (IsUnreachable(status)) {
    message = ExplainUnreachable(site.target, site.tls, std::string(status.message()));
  } else if (absl::IsResourceExhausted(status) && absl::StrContains(status.message(), "error code 11")) {
    // ENHANCE_YOUR_CALM: gRPC's memory for messages is used up (connections.memory_bytes of the server).
    message =
        StrCat("the server at ", site.target, " holds too many messages at once; try again, or send fewer at a time");
  } else if (absl::IsCancelled(status)) {
    // gRPC servers do so with calls that reach them while they shut down.
    return absl::UnavailableError(StrCat("the server at ", site.target, " ended the call unanswered"));
  } else {
    return status;
  }
  absl::Status explained(status.code(), StrCat(message, ": ", std::string(status.message())));
  status.ForEachPayload(
      [&explained](absl::string_view url, const absl::Cord& detail) { explained.SetPayload(url, detail); });
  return explained;
}

}  // namespace vitok
