// The log line of a call. Free of torch.
#pragma once

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/log.h"

namespace vitok {

// Calls that succeed all have a line; of the others, ten a second of each code do (process-wide).
LogLimit& RequestLogLimit(absl::StatusCode code);

// Logs "request" with the fields that `make_fields` (-> std::vector<LogField>) gives, which is called only for lines
// that are written: a call that is refused under load costs no more than looking at a clock. `suppressed` says how many
// lines of this code are missing before this one. INTERNAL is logged as an error. Thread-safe.
//
//   LogRequest(status.code(), [&] { return std::vector<LogField>{{"method", "Encode"}, ...}; });
template <typename MakeFields>
void LogRequest(absl::StatusCode code, MakeFields&& make_fields) {
  const auto level = code == absl::StatusCode::kInternal ? spdlog::level::err : spdlog::level::info;
  if (code != absl::StatusCode::kOk) {
    LogLimited(RequestLogLimit(code), level, "request", std::forward<MakeFields>(make_fields));
  } else if (IsLogged(level)) {
    LogEvent(level, "request", std::forward<MakeFields>(make_fields)());
  }
}

}  // namespace vitok
