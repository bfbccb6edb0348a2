#include "client/bench/request_outcome.h"

#include <utility>

#include "client/call_status.h"
#include "core/base/str_cat.h"

namespace vitok {

RequestOutcome FailedOutcome(const absl::Status& status) {
  RequestOutcome outcome;
  outcome.status = status;
  outcome.unreachable = IsUnreachable(status);
  return outcome;
}

RequestOutcome AnsweredOutcome(const PreparedRequest& request, absl::StatusOr<ReplySummary> reply,
                               int64_t reply_bytes) {
  RequestOutcome outcome;
  outcome.reply_bytes = reply_bytes;
  if (!reply.ok()) {
    outcome.status = reply.status();
  } else if (reply->item_ok.size() != request.item_pixels.size()) {
    outcome.status = absl::InternalError(StrCat("the server's reply is malformed: ", reply->item_ok.size(),
                                                " results for ", request.item_pixels.size(), " items"));
  } else {
    outcome.reply = *std::move(reply);
    outcome.status = outcome.reply.first_error;
  }
  return outcome;
}

}  // namespace vitok
